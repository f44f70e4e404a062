//! The same requests, recorded by one recorder and by several: equal to the last bit.

use bench::histogram::Histogram;
use bench::part::TrialPart;
use loadgen::generator::recorded_part;
use loadgen::recorder::{Lost, Recorder, Timeline};
use loadgen::requests::KindIndex;
use loadgen::transport::{Failure, SetUp};
use proptest::prelude::*;

/// A window of a second behind a warm-up of 100 ms.
const WINDOW: std::ops::Range<u64> = 100_000_000..1_100_000_000;

/// What becomes of a request.
#[derive(Debug, Clone, Copy)]
enum End {
    Answered { service: u64, status: u16 },
    Denied { service: u64 },
    Status(u16),
    Reset,
    TimedOut,
    Shed,
}

/// A request with all that a recorder is told of it.
#[derive(Debug, Clone, Copy)]
struct Request {
    intended: u64,
    turned: u64,
    sent: u64,
    end: End,
    /// Which recorder is told.
    of: usize,
    opens: bool,
}

fn request() -> impl Strategy<Value = Request> {
    let end = prop_oneof![
        6 => (0_u64..1 << 41, 200_u16..204)
            .prop_map(|(service, status)| End::Answered { service, status }),
        1 => (0_u64..1 << 41).prop_map(|service| End::Denied { service }),
        1 => (400_u16..504).prop_map(End::Status),
        1 => Just(End::Reset),
        1 => Just(End::TimedOut),
        1 => Just(End::Shed),
    ];
    let late = || prop_oneof![0_u64..100_000, 0_u64..1 << 34];
    (0..WINDOW.end, late(), late(), end, 0..5_usize, any::<bool>()).prop_map(
        |(intended, paced, waited, end, of, opens)| {
            let turned = intended + paced;
            Request { intended, turned, sent: turned + waited, end, of, opens }
        },
    )
}

fn tell(recorder: &mut Recorder, request: &Request) {
    let kind = KindIndex(0);
    let Request { intended, turned, sent, end, .. } = *request;
    if request.opens {
        recorder.connected(SetUp { connect: sent - intended, handshake: None });
    }
    recorder.offered(intended, turned, kind);
    if !matches!(end, End::Shed) {
        recorder.sent(intended, sent, 80);
    }
    match end {
        End::Answered { service, status } => {
            let completed = sent + service;
            let at = Timeline { intended, sent, first_byte: completed, completed };
            recorder.completed(at, kind, status, service % 1_000);
        }
        End::Denied { service } => {
            let completed = sent + service;
            let at = Timeline { intended, sent, first_byte: completed, completed };
            recorder.denied(at, kind, 403, service % 1_000);
        }
        End::Status(status) => recorder.lost(intended, sent + 1, kind, Lost::Status(status)),
        End::Reset => recorder.lost(intended, sent + 2, kind, Lost::Failed(Failure::Reset)),
        End::TimedOut => recorder.lost(intended, intended + 30, kind, Lost::TimedOut),
        End::Shed => recorder.lost(intended, turned, kind, Lost::Shed),
    }
}

/// What a recorder that is told of these brings back.
fn part<'a>(requests: impl Iterator<Item = &'a Request>) -> TrialPart {
    let mut recorder = Recorder::new(WINDOW, 1, None);
    requests.for_each(|request| tell(&mut recorder, request));
    recorded_part(recorder.finish())
}

/// Every histogram of a part, as it is kept.
fn encoded(part: &TrialPart) -> Vec<Vec<u8>> {
    let latencies = &part.latencies;
    [
        &latencies.response_time,
        &latencies.service_time,
        &latencies.send_lag,
        &latencies.pacing_lag,
        &latencies.censored,
        &latencies.denied,
    ]
    .into_iter()
    .chain(&part.slices)
    .map(Histogram::encode)
    .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn parts_of_several_come_to_what_one_would_have_recorded(
        requests in proptest::collection::vec(request(), 0..300),
        of in 1..5_usize,
    ) {
        let one = part(requests.iter());
        let parts: Vec<TrialPart> = (0..of)
            .map(|agent| part(requests.iter().filter(|request| request.of % of == agent)))
            // As they come over the wire.
            .map(|part| serde_json::to_string(&part).expect("numbers and texts"))
            .map(|document| serde_json::from_str(&document).expect("what was written"))
            .collect();
        let whole = TrialPart::sum(&parts);
        prop_assert_eq!(encoded(&whole), encoded(&one));
        prop_assert!(one.counts.add_up());
        prop_assert_eq!(whole, one);
    }
}
