//! Kind clusters: the plan of a run, and its steps conducted with a scripted docker, kind, helm and
//! kubectl (`scripted-tool`). No cluster is here, and none is made.

mod interrupted;
mod plan;
mod rig;
mod run;
#[path = "../support/mod.rs"]
mod support;
mod up_and_down;
