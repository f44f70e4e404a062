//! Lists over slots, in the order in which they were put in: each slot is in one of them at most, so
//! one set of links serves all. Putting in, taking out anywhere and looking at the first are O(1),
//! and nothing is ever allocated after the start.

use crate::transport::Slot;

/// Which list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    /// Open, nothing in flight; longest idle first.
    Idle,
    /// A request is in flight; first sent first.
    Busy,
}

const LISTS: usize = 2;
const NONE: u32 = u32::MAX;

/// The lists.
#[derive(Debug)]
pub struct SlotLists {
    links: Vec<Links>,
    ends: [Ends; LISTS],
}

#[derive(Debug, Clone, Copy)]
struct Links {
    list: Option<List>,
    before: u32,
    behind: u32,
}

#[derive(Debug, Clone, Copy)]
struct Ends {
    first: u32,
    last: u32,
    count: u32,
}

impl SlotLists {
    /// No slot is in any list.
    #[must_use]
    pub fn new(slots: u32) -> Self {
        let free = Links { list: None, before: NONE, behind: NONE };
        let empty = Ends { first: NONE, last: NONE, count: 0 };
        Self { links: (0..slots).map(|_| free).collect(), ends: [empty; LISTS] }
    }

    /// How many are in a list.
    #[must_use]
    pub fn count(&self, list: List) -> u32 {
        self.ends[list as usize].count
    }

    /// The one that was put in first.
    #[must_use]
    pub fn first(&self, list: List) -> Option<Slot> {
        let first = self.ends[list as usize].first;
        (first != NONE).then_some(Slot(first))
    }

    /// Puts a slot at the end of a list, out of the one that it is in.
    pub fn put(&mut self, slot: Slot, list: List) {
        self.take(slot);
        let ends = &mut self.ends[list as usize];
        let last = ends.last;
        self.links[slot.index()] = Links { list: Some(list), before: last, behind: NONE };
        ends.last = slot.0;
        ends.count += 1;
        match last {
            NONE => ends.first = slot.0,
            last => self.links[Slot(last).index()].behind = slot.0,
        }
    }

    /// Takes a slot out of the list that it is in, if it is in one.
    pub fn take(&mut self, slot: Slot) {
        let Links { list, before, behind } = self.links[slot.index()];
        let Some(list) = list else { return };
        let ends = &mut self.ends[list as usize];
        ends.count -= 1;
        match before {
            NONE => ends.first = behind,
            before => self.links[Slot(before).index()].behind = behind,
        }
        match behind {
            NONE => ends.last = before,
            behind => self.links[Slot(behind).index()].before = before,
        }
        self.links[slot.index()].list = None;
    }

    /// Takes the first out of a list.
    pub fn take_first(&mut self, list: List) -> Option<Slot> {
        let slot = self.first(list)?;
        self.take(slot);
        Some(slot)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_lists_behave_like_queues_that_can_lose_any_member(
            acts in proptest::collection::vec((0_u8..4, 0_u32..8), 0..200),
        ) {
            let mut lists = SlotLists::new(8);
            let mut model: [VecDeque<u32>; LISTS] = [VecDeque::new(), VecDeque::new()];
            for (act, number) in acts {
                let slot = Slot(number);
                match act {
                    0 | 1 => {
                        let list = if act == 0 { List::Idle } else { List::Busy };
                        model.iter_mut().for_each(|queue| queue.retain(|other| *other != number));
                        model[list as usize].push_back(number);
                        lists.put(slot, list);
                    }
                    2 => {
                        model.iter_mut().for_each(|queue| queue.retain(|other| *other != number));
                        lists.take(slot);
                    }
                    _ => {
                        let taken = lists.take_first(List::Idle).map(|slot| slot.0);
                        prop_assert_eq!(taken, model[List::Idle as usize].pop_front());
                    }
                }
                for list in [List::Idle, List::Busy] {
                    let queue = &model[list as usize];
                    let front = queue.front().copied();
                    prop_assert_eq!(lists.first(list).map(|slot| slot.0), front);
                    prop_assert_eq!(lists.count(list) as usize, queue.len());
                }
            }
        }
    }
}
