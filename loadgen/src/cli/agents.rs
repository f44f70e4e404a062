//! What `--agents` may say: how many agents are started here, or where those are that were started
//! elsewhere. Opens nothing.

use std::collections::BTreeSet;

/// As many as a run can have.
pub const MOST: u32 = 64;

/// Whose agents send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Agents {
    /// So many, which the run starts on this machine.
    Here(u32),
    /// Those at these places, each `HOST:PORT`, which somebody else has started.
    At(Vec<String>),
}

impl Agents {
    /// Reads what was typed.
    pub fn parse(text: &str) -> Result<Self, String> {
        if !text.contains(':') {
            let count = text.parse::<u32>().ok().filter(|it| (1..=MOST).contains(it));
            return count.map(Self::Here).ok_or_else(|| {
                format!("`{text}`: expected a number from 1 to {MOST}, or HOST:PORT,HOST:PORT")
            });
        }
        let places: Vec<String> = text.split(',').map(|it| it.trim().to_owned()).collect();
        let mut mistakes: Vec<String> = places
            .iter()
            .filter(|place| !is_place(place))
            .map(|place| format!("`{place}`: expected HOST:PORT, e.g. 10.0.0.7:7070"))
            .collect();
        let mut seen = BTreeSet::new();
        mistakes.extend(
            places.iter().filter(|place| !seen.insert(place.as_str())).map(|place| {
                format!("`{place}` is given twice: each agent has a share of its own")
            }),
        );
        if !u32::try_from(places.len()).is_ok_and(|count| count <= MOST) {
            mistakes.push(format!("{} agents: at most {MOST} are possible", places.len()));
        }
        if mistakes.is_empty() { Ok(Self::At(places)) } else { Err(mistakes.join("; ")) }
    }

    /// How many they are.
    #[must_use]
    pub fn count(&self) -> usize {
        match self {
            Self::Here(count) => usize::try_from(*count).expect("at most 64"),
            Self::At(places) => places.len(),
        }
    }
}

fn is_place(place: &str) -> bool {
    place.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_a_count_and_places_are_places() {
        assert_eq!(Agents::parse("4"), Ok(Agents::Here(4)));
        let places = vec!["10.0.0.7:7070".to_owned(), "[::1]:7071".to_owned()];
        assert_eq!(Agents::parse("10.0.0.7:7070, [::1]:7071"), Ok(Agents::At(places)));
        assert_eq!(Agents::parse("h:1,h:2").map(|agents| agents.count()), Ok(2));
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        for text in ["0", "65", "-1", "two", "a"] {
            let said = Agents::parse(text).expect_err("no number of agents");
            assert!(said.contains("from 1 to 64"), "{said}");
        }
        let said = Agents::parse("a:1,b:0,:2,c,a:1").expect_err("four mistakes");
        for part in ["`b:0`", "`:2`", "`c`", "`a:1` is given twice"] {
            assert!(said.contains(part), "{part}: {said}");
        }
        let many: Vec<String> = (1..=65).map(|port| format!("h:{port}")).collect();
        assert!(Agents::parse(&many.join(",")).is_err_and(|said| said.contains("65 agents")));
    }
}
