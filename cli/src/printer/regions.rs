//! A bar a region.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
};

use domain::RegionName;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::Printer;

/// Something to be done in a region, by its name there.
pub(crate) type Thing = (RegionName, String);

/// How far each region has come; where there is no terminal, lines.
pub(crate) struct Regions {
    all: MultiProgress,
    bars: BTreeMap<RegionName, ProgressBar>,
    to_come: Mutex<BTreeSet<Thing>>,
}

impl Printer {
    /// A bar a region, as long as there are things to be done in it.
    pub(crate) fn regions(self, regions: impl IntoIterator<Item = RegionName>, things: BTreeSet<Thing>) -> Regions {
        let all = MultiProgress::new();
        let bars = regions.into_iter().filter(|_| self.progress).map(|region| {
            let style = ProgressStyle::with_template("{prefix:<16} {bar:16} {pos:>3}/{len:<3} {wide_msg}")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            let length = things.iter().filter(|(there, _)| *there == region).count();
            let bar = all.add(ProgressBar::new(length as u64).with_style(style).with_prefix(region.to_string()));
            bar.tick();
            (region, bar)
        });
        Regions { bars: bars.collect(), all, to_come: Mutex::new(things) }
    }
}

impl Regions {
    /// Something passing in a region.
    pub(crate) fn doing(&self, region: &RegionName, text: &str) {
        if let Some(bar) = self.bars.get(region) {
            bar.set_message(text.to_owned());
        }
    }

    /// A thing is done. It counts once, whatever becomes of it on the way back, and only where it was to be done.
    pub(crate) fn step(&self, thing: &Thing) {
        let counts = self.to_come.lock().unwrap_or_else(PoisonError::into_inner).remove(thing);
        if let Some(bar) = self.bars.get(&thing.0).filter(|_| counts) {
            bar.inc(1);
        }
    }

    /// A line that stays.
    pub(crate) fn line(&self, text: &str) {
        self.all.suspend(|| anstream::eprintln!("{text}"));
    }
}

impl Drop for Regions {
    fn drop(&mut self) {
        for bar in self.bars.values() {
            bar.finish_and_clear();
        }
        // Bars that are drawn seldom leave their last frame otherwise; where that fails there is no terminal left to clear.
        let _: std::io::Result<()> = self.all.clear();
    }
}
