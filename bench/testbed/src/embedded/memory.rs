//! One variant alone, whose server's sidecar is given other rules while it runs, over its control
//! channel. Knows no state by name.

use std::time::Duration;

use bench::memory::Looks;
use bench::seams::{MemoryTestbed, Testbed, TestbedError};
use scenarios::variant::Variant;

use super::processes::Processes;
use super::route::Route;
use super::{Embedded, error_at, untranslated, with_hint};
use crate::memory::Standing;
use crate::part::Start;

impl Embedded {
    fn translated(&self, variant: &Variant) -> Result<Route, TestbedError> {
        let step = format!("translate the variant {}", variant.name);
        Route::of(variant, &self.scenario).map_err(|problem| untranslated(&step, &problem))
    }

    fn alone(&mut self) -> Result<&mut Standing<Route>, TestbedError> {
        self.live()?;
        let none = || error_at("look at memory", "no variant stands alone".to_owned());
        self.standing.as_mut().ok_or_else(none)
    }
}

impl MemoryTestbed for Embedded {
    fn stand(&mut self, variant: &Variant, block: u32, position: u32) -> Result<(), TestbedError> {
        self.tear_down()?;
        let route = self.translated(variant)?;
        let label = format!("block-{block:04}-{position:02}");
        let Self { program, placement, logs, .. } = self;
        let start = Start { program, cores: &placement.subject, logs, label: &label };
        let routes = std::slice::from_ref(&route);
        let running = Processes::start(&start, routes).map_err(with_hint)?;
        let watched = running.watched(program);
        self.running = Some(running);
        self.standing = Some(Standing { route, watched, watch: None });
        Ok(())
    }

    fn change(&mut self, to: &Variant) -> Result<(), TestbedError> {
        let route = self.translated(to)?;
        let step = format!("change the policies of {}", to.name);
        if self.alone()?.route.mode != route.mode {
            let problem = "they change the mTLS mode, which a running sidecar is not told here";
            return Err(error_at(&step, problem.to_owned()));
        }
        self.live()?.change(&route).map_err(with_hint)?;
        self.alone()?.route = route;
        Ok(())
    }

    fn look_after(&mut self, settle: Duration) -> Result<Vec<Looks>, TestbedError> {
        let looks = self.alone()?.look_after(settle);
        // What died meanwhile is better told as such.
        self.live()?;
        Ok(looks)
    }

    fn watch_after(&mut self, wait: Duration) -> Result<(), TestbedError> {
        let begun = self.alone()?.watch_after(wait);
        begun.map_err(|problem| error_at("watch the memory", problem))
    }

    fn watched(&mut self) -> Result<Vec<Looks>, TestbedError> {
        let seen = self.alone()?.watched();
        seen.map_err(|problem| error_at("watch the memory", problem))
    }
}
