//! What HTTP/2 costs for each request, apart from the kernel.
use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use loadgen::http2::client::{self, Client};
use loadgen::http2::server::{self, Server};
use loadgen::http2::{AnswerBlock, HeaderBlock, RequestLine};

/// Requests in flight on the connection.
const STREAMS: u32 = 32;

fn head() -> HeaderBlock {
    let line =
        RequestLine { method: "GET", scheme: "http", authority: "127.0.0.1:8080", path: "/" };
    HeaderBlock::request(line, [("user-agent", "loadgen"), ("accept", "*/*")]).expect("sendable")
}

fn answer(date: &str) -> AnswerBlock {
    let fields = [
        ("content-type", "text/plain"),
        ("content-length", "12"),
        ("server", "loadgen"),
        ("date", date),
    ];
    AnswerBlock::new(200, fields).expect("sendable")
}

struct Pair {
    client: Client,
    server: Server,
    to_client: Vec<client::Event>,
    to_server: Vec<server::Event>,
    head: HeaderBlock,
    body: Arc<[u8]>,
}

impl Pair {
    fn new() -> Self {
        let (mut client, mut server) =
            (Client::new(client::Settings::default()), Server::new(server::Settings::default()));
        let (mut to_client, mut to_server) = (Vec::new(), Vec::new());
        for _ in 0..2 {
            let output = std::mem::take(client.output());
            server.feed(&output, &mut to_server).expect("HTTP/2");
            let output = std::mem::take(server.output());
            client.feed(&output, &mut to_client).expect("HTTP/2");
        }
        to_client.clear();
        let body = b"hello world\n"[..].into();
        Self { client, server, to_client, to_server, head: head(), body }
    }

    /// As many requests as there are streams, each with its answer.
    fn round(&mut self, answers: &[AnswerBlock]) {
        for place in 0..STREAMS {
            self.client.request(place, black_box(&self.head), &Arc::default()).expect("capacity");
        }
        let output = self.client.output();
        self.server.feed(output, &mut self.to_server).expect("HTTP/2");
        output.clear();
        for (event, answer) in self.to_server.drain(..).zip(answers.iter().cycle()) {
            let server::Event::Request { stream, .. } = event else { continue };
            self.server.answer(stream, answer, &self.body).expect("waited for");
        }
        let output = self.server.output();
        self.client.feed(output, &mut self.to_client).expect("HTTP/2");
        output.clear();
        assert_eq!(self.to_client.drain(..).count(), 2 * 32);
    }
}

fn client_alone(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("HTTP/2 client");
    group.throughput(Throughput::Elements(1));
    for (name, dates) in [("same head", 1), ("eight heads in turn", 8)] {
        let answers: Vec<_> =
            (0..dates).map(|s| answer(&format!("Mon, 23 Nov 2026 02:40:1{s} GMT"))).collect();
        let (mut client, mut answer) = (Pair::new().client, Vec::new());
        let mut blocks = answers.iter().map(|answer| {
            let mut pair = Pair::new();
            pair.client.request(0, &pair.head, &Arc::default()).expect("capacity");
            let output = std::mem::take(pair.client.output());
            pair.server.feed(&output, &mut pair.to_server).expect("HTTP/2");
            pair.server.answer(1, answer, &pair.body).expect("waited for");
            std::mem::take(pair.server.output())
        });
        let blocks: Vec<_> = blocks.by_ref().collect();
        let (head, mut id, mut events) = (head(), 1_u32, Vec::new());
        group.bench_function(format!("a request and its answer, {name}"), |bencher| {
            bencher.iter(|| {
                if client.is_used_up() {
                    (client, id) = (Pair::new().client, 1);
                }
                client.request(0, black_box(&head), &Arc::default()).expect("capacity");
                client.output().clear();
                let nth = usize::try_from(id >> 1).expect("small") % blocks.len();
                answer.clear();
                answer.extend_from_slice(&blocks[nth]);
                // The stream's id stands in both frames' heads.
                let headers = usize::from(answer[2]);
                answer[5..9].copy_from_slice(&id.to_be_bytes());
                answer[9 + headers + 5..][..4].copy_from_slice(&id.to_be_bytes());
                client.feed(black_box(&answer), &mut events).expect("HTTP/2");
                assert_eq!(events.drain(..).count(), 2);
                id += 2;
            });
        });
    }
    group.finish();
}

fn both_sides(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("HTTP/2 client and server");
    group.throughput(Throughput::Elements(u64::from(STREAMS)));
    let answers = [answer("Mon, 23 Nov 2026 02:40:11 GMT")];
    let mut pair = Pair::new();
    group.bench_function("32 streams, a request and its answer on each", |bencher| {
        bencher.iter(|| {
            if pair.client.is_used_up() {
                pair = Pair::new();
            }
            pair.round(&answers);
        });
    });
    group.finish();
}

criterion_group!(benches, client_alone, both_sides);
criterion_main!(benches);
