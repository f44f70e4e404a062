//! One variant alone, whose server's sidecar is given other rules while it runs, over its control
//! channel. Knows no state by name.

use bench::seams::{MemoryTestbed, Sidecars, Testbed, TestbedError};
use scenarios::variant::Variant;

use super::processes::Processes;
use super::route::Route;
use super::{Embedded, NAME, error_at, untranslated, with_hint};
use crate::memory::Alone;
use crate::part::Start;

impl Embedded {
    fn translated(&self, variant: &Variant) -> Result<Route, TestbedError> {
        let step = format!("translate the variant {}", variant.name);
        Route::of(variant, &self.scenario).map_err(|problem| untranslated(&step, &problem))
    }

    fn alone(&mut self) -> Result<&mut Alone<Route>, TestbedError> {
        self.live()?;
        let none = || error_at("look at memory", "no variant stands alone".to_owned());
        self.alone.as_mut().ok_or_else(none)
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
        self.alone = Some(Alone::new(NAME, route, watched));
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

    fn sidecars(&mut self) -> Result<&mut dyn Sidecars, TestbedError> {
        Ok(self.alone()?)
    }
}
