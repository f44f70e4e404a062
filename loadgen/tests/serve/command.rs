//! The command itself: files, signals, the account, and the words for mistakes.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;

use identity::Identity;
use rustix::process::Signal;
use rustls::{ClientConnection, StreamOwned};

use crate::client::{GET, OK, PATIENCE, hear, say};
use crate::support::{loadgen, run, signal, start, wait_for};
use crate::tls::config;

/// Starts it with its address in a file, and waits for that.
fn serve(dir: &Path, arguments: &[&str]) -> (Child, String) {
    let mut all = vec!["serve", "--port-file=port", "--body-bytes=3"];
    all.extend(arguments);
    let child = start(dir, &all);
    (child, address(dir))
}

fn address(dir: &Path) -> String {
    let text = wait_for("the port file", || std::fs::read_to_string(dir.join("port")).ok());
    text.trim_end().to_owned()
}

fn end(child: Child, by: Signal) -> Output {
    signal(i32::try_from(child.id()).expect("a pid"), by);
    child.wait_with_output().expect("it ends")
}

fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    stream
}

#[test]
fn a_life_from_the_port_file_to_the_account() {
    let dir = tempfile::tempdir().expect("a folder");
    let (child, address) = serve(dir.path(), &["--stamp=stamps", "--output=json"]);
    let mut stream = connect(&address);
    for _ in 0..5 {
        say(&mut stream, GET);
        hear(&mut stream, OK);
    }
    let output = end(child, Signal::TERM);
    assert_eq!(output.status.code(), Some(0));
    let served: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&served["requests"], &served["answers"]), (&5.into(), &5.into()));
    let stamps = std::fs::read(dir.path().join("stamps")).expect("stamps");
    let stamps: Vec<u64> = stamps
        .chunks_exact(8)
        .map(|bytes| u64::from_le_bytes(bytes.try_into().expect("8 bytes")))
        .collect();
    assert_eq!(stamps.len(), 5);
    assert!(stamps.is_sorted());
    assert!(String::from_utf8_lossy(&output.stderr).contains(&address));
}

#[test]
fn ctrl_c_ends_it_with_an_account_for_people() {
    let dir = tempfile::tempdir().expect("a folder");
    let (child, address) = serve(dir.path(), &["--fault=close-every=2", "--core=0"]);
    let mut stream = connect(&address);
    say(&mut stream, GET);
    hear(&mut stream, OK);
    say(&mut stream, GET);
    assert_eq!(stream.read(&mut [0]).expect("an end"), 0);
    let output = end(child, Signal::INT);
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.starts_with("requests     2 ("), "{text}");
    assert!(text.contains("faults       1 planted"), "{text}");
}

#[test]
fn certificates_of_the_run_are_written_for_clients_and_keys_for_nobody_else() {
    let dir = tempfile::tempdir().expect("a folder");
    let (child, address) = serve(dir.path(), &["--tls-dir=tls", "--mtls", "--tls-version=1.3"]);
    let read = |name: &str| std::fs::read_to_string(dir.path().join("tls").join(name));
    let own = Identity {
        chain_pem: read("client.pem").expect("a certificate"),
        key_pem: read("client-key.pem").expect("a key"),
    };
    let config = config(&read("ca.pem").expect("a CA"), Some(&own));
    let name = "127.0.0.1".try_into().expect("a name");
    let session = ClientConnection::new(Arc::new(config), name).expect("a session");
    let mut stream = StreamOwned::new(session, connect(&address));
    say(&mut stream, GET);
    hear(&mut stream, OK);
    for key in ["key.pem", "client-key.pem"] {
        use std::os::unix::fs::PermissionsExt;
        let metadata = std::fs::metadata(dir.path().join("tls").join(key)).expect("a key");
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{key}");
    }
    let text = end(child, Signal::TERM).stdout;
    let text = String::from_utf8_lossy(&text);
    assert!(text.contains("1 full, 0 resumed, 0 failed; 1 of TLS 1.3"), "{text}");
}

/// Serves again with the certificate of an earlier life.
#[test]
fn a_certificate_of_ones_own_is_shown() {
    let dir = tempfile::tempdir().expect("a folder");
    let (child, _) = serve(dir.path(), &["--tls-dir=tls"]);
    end(child, Signal::TERM);
    std::fs::remove_file(dir.path().join("port")).expect("it was there");
    let (child, address) = serve(dir.path(), &["--cert=tls/cert.pem", "--key=tls/key.pem"]);
    let ca = std::fs::read_to_string(dir.path().join("tls/ca.pem")).expect("a CA");
    let name = "::1".try_into().expect("a name");
    let session = ClientConnection::new(Arc::new(config(&ca, None)), name).expect("a session");
    let mut stream = StreamOwned::new(session, connect(&address));
    say(&mut stream, GET);
    hear(&mut stream, OK);
    assert!(end(child, Signal::TERM).status.success());
}

#[test]
fn connections_beyond_the_limit_of_descriptors_are_served_once_others_have_left() {
    let dir = tempfile::tempdir().expect("a folder");
    let child = Command::new("sh")
        .args(["-c", "ulimit -n 24 && exec \"$0\" serve --port-file=port --body-bytes=3"])
        .arg(env!("CARGO_BIN_EXE_loadgen"))
        .current_dir(dir.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a shell");
    let address = address(dir.path());
    let mut streams: Vec<TcpStream> = (0..40).map(|_| connect(&address)).collect();
    for stream in &mut streams {
        stream.write_all(GET.as_bytes()).expect("the kernel takes it");
    }
    for mut stream in streams {
        hear(&mut stream, OK);
    }
    let text = end(child, Signal::TERM).stdout;
    let text = String::from_utf8_lossy(&text);
    assert!(text.contains("connections  40") && text.contains("could not be accepted"), "{text}");
}

#[test]
fn help_fits_one_screen() {
    let dir = tempfile::tempdir().expect("a folder");
    let help = run(dir.path(), &["serve", "--help"]).stdout;
    let help = String::from_utf8_lossy(&help);
    assert!(help.lines().count() <= 55, "{} lines", help.lines().count());
    insta::assert_snapshot!("serve_help", help);
}

#[test]
fn mistakes_say_what_to_do() {
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::write(dir.path().join("trace.csv"), "0,1\nx\n3,-1\n").expect("a file");
    std::fs::write(dir.path().join("empty.pem"), "").expect("a file");
    let cases: &[&[&str]] = &[
        &["--listen=localhost:80"],
        &["--status=700", "--delay-trace=trace.csv", "--mtls"],
        &["--status=204", "--body-bytes=3"],
        &["--delay=5"],
        &["--delay-every=3"],
        &["--delay=1ms", "--delay-share=2"],
        &["--stall=2s/1s"],
        &["--fault=reset"],
        &["--header=content-length: 3"],
        &["--cert=empty.pem", "--key=empty.pem"],
        &["--cert=empty.pem", "--key=empty.pem", "--tls"],
        &["--tls", "--client-ca=nowhere.pem"],
        &["--tickets=2"],
        &["--core=4096"],
        &["--stamp=no/such/folder"],
    ];
    let said: Vec<String> = cases
        .iter()
        .map(|case| {
            let mut command = loadgen(dir.path(), &["serve"]);
            let output = command.args(*case).output().expect("it starts");
            let errors = String::from_utf8_lossy(&output.stderr);
            // Where it was bound before the mistake showed differs from run to run.
            let errors: Vec<&str> =
                errors.lines().filter(|line| !line.starts_with("serving")).collect();
            let code = output.status.code().expect("an exit");
            format!("$ loadgen serve {}\nexit {code}\n{}", case.join(" "), errors.join("\n"))
        })
        .collect();
    insta::assert_snapshot!("serve_mistakes", said.join("\n\n"));
}
