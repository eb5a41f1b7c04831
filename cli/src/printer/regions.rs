//! A bar a region.

use std::collections::BTreeMap;

use domain::RegionName;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::Printer;

/// How far each region has come; where there is no terminal, lines.
pub(crate) struct Regions {
    all: MultiProgress,
    bars: BTreeMap<RegionName, ProgressBar>,
}

impl Printer {
    /// A bar a region, as long as there are things to be done in it.
    pub(crate) fn regions(self, lengths: impl IntoIterator<Item = (RegionName, usize)>) -> Regions {
        let all = MultiProgress::new();
        let lengths = lengths.into_iter().filter(|_| self.progress);
        let bars = lengths.map(|(region, length)| {
            let style = ProgressStyle::with_template("{prefix:<16} {bar:16} {pos:>3}/{len:<3} {wide_msg}")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar = all.add(ProgressBar::new(length as u64).with_style(style).with_prefix(region.to_string()));
            bar.tick();
            (region, bar)
        });
        Regions { bars: bars.collect(), all }
    }
}

impl Regions {
    /// Something passing in a region.
    pub(crate) fn doing(&self, region: &RegionName, text: &str) {
        if let Some(bar) = self.bars.get(region) {
            bar.set_message(text.to_owned());
        }
    }

    /// One thing more is done in a region.
    pub(crate) fn step(&self, region: &RegionName) {
        if let Some(bar) = self.bars.get(region) {
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
