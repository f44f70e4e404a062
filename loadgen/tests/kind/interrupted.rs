//! A wish to stop while steps are conducted, by a flag and by signals to the real program.

use std::process::Stdio;

use bench::seams::StopFlag;
use rustix::process::Signal;

use crate::rig::Rig;
use crate::support::{alive, children_of, loadgen, signal, wait_for};

const UP: [&str; 3] = ["cluster", "up", "--scenario=strict-mtls"];

#[test]
fn a_wish_to_stop_at_any_step_ends_it_and_takes_all_back() {
    let whole = Rig::new();
    assert_eq!(whole.call(&UP).code, 0);
    for (index, line) in whole.calls().iter().enumerate() {
        let rig = Rig::faulty(index + 1, "hang");
        let stop = StopFlag::default();
        let up = std::thread::scope(|scope| {
            scope.spawn(|| {
                wait_for("the call", || (rig.calls().len() > index).then_some(()));
                stop.raise();
            });
            rig.call_until(&UP, stop.clone())
        });
        assert_eq!(up.code, 130, "{line}\n{}", up.told);
        for what in ["clusters", "releases", "applied"] {
            assert!(rig.standing(what).is_empty(), "{what} after {line}");
        }
    }
}

/// The real program, with a cluster to delete, in the middle of it; and the tool that it waits for.
fn in_the_middle(rig: &Rig) -> (std::process::Child, i32) {
    std::fs::create_dir_all(rig.state("clusters")).expect("a folder");
    std::fs::write(rig.state("clusters/loadgen-istio"), "").expect("written");
    let child = loadgen(rig.path(), &["cluster", "down", "--scenario=strict-mtls"])
        .env("PATH", rig.programs())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    wait_for("two calls", || (rig.calls().len() == 2).then_some(()));
    let tool = wait_for("the tool", || {
        let children = children_of(child.id()).into_iter();
        children.map(|(pid, _)| pid).next()
    });
    (child, tool)
}

#[test]
fn ctrl_c_ends_the_tool_and_the_program() {
    let rig = Rig::faulty(2, "hang");
    let (child, tool) = in_the_middle(&rig);
    signal(i32::try_from(child.id()).expect("a process"), Signal::INT);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(130));
    assert!(String::from_utf8_lossy(&output.stderr).contains("error: interrupted"));
    assert!(!alive(tool));
}

#[test]
fn a_program_that_is_killed_leaves_no_tool() {
    let rig = Rig::faulty(2, "hang");
    let (mut child, tool) = in_the_middle(&rig);
    child.kill().expect("it is there");
    child.wait().expect("it ends");
    wait_for("the end of the tool", || (!alive(tool)).then_some(()));
}
