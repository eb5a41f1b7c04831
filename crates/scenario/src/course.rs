//! What is in force when: a scenario's faults with their shapes, as states one after another.

use std::collections::{BTreeMap, BTreeSet};

use domain::{ObserverName, Period, RegionName, Share};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Injection, OnOff, Scenario, Shape, What};
use crate::{
    aws::AwsFault,
    fault::{Fault, NameFault, ObserverFault},
};

/// Steps of a ramp.
const STEPS: u32 = 20;
/// A length drawn at random is never shorter or longer than this many times its mean.
const SHORTEST: f64 = 0.1;
const LONGEST: f64 = 4.0;

/// Everything that is wrong at a time, scaled to the lab's time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InForce {
    /// Of each region's server; a region without a fault is not here.
    pub regions: BTreeMap<RegionName, Vec<Fault>>,
    /// Of each region's name.
    pub names: BTreeMap<RegionName, NameFault>,
    /// Observers that are killed.
    pub lost: BTreeSet<ObserverName>,
    /// What each observer lies about.
    pub lies: BTreeMap<ObserverName, BTreeSet<RegionName>>,
    /// Which observers do not reach each region.
    pub cut_off: BTreeMap<RegionName, BTreeSet<ObserverName>>,
    /// By what AWS fails, by the rule's place in [`Scenario::faults`].
    pub aws: BTreeMap<usize, AwsFault>,
    /// AWS regions that are gone as a whole: nothing of ours runs in them.
    pub gone: BTreeSet<RegionName>,
}

/// A moment at which something changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Since the load began.
    pub at: Period,
    /// What is wrong from then on.
    pub in_force: InForce,
    /// The places in [`Scenario::faults`] of those that begin here.
    pub begun: Vec<usize>,
    /// The places of those that end here.
    pub ended: Vec<usize>,
}

impl Scenario {
    /// Every moment at which something changes, in order.
    #[must_use]
    pub fn turns(&self) -> Vec<Turn> {
        let courses: Vec<_> =
            self.faults.iter().enumerate().map(|(place, fault)| strengths(fault, self.seed, place)).collect();
        let moments: BTreeSet<_> = courses.iter().flatten().map(|(at, _)| *at).collect();
        let places = |holds: &dyn Fn(&Injection) -> bool| -> Vec<usize> {
            (0..self.faults.len()).filter(|place| holds(&self.faults[*place])).collect()
        };
        let turn = |at| {
            let mut in_force = InForce::default();
            for (place, (fault, course)) in self.faults.iter().zip(&courses).enumerate() {
                let now = course.iter().rev().find(|(from, _)| *from <= at).map(|(_, strength)| *strength);
                if let Some(strength) = now.filter(|strength| *strength > Share::NONE) {
                    in_force.put(place, &fault.what, strength, self);
                }
            }
            Turn { at, in_force, begun: places(&|fault| fault.begins == at), ended: places(&|fault| fault.ends == at) }
        };
        moments.into_iter().map(turn).collect()
    }
}

impl InForce {
    fn put(&mut self, place: usize, what: &What, strength: Share, scenario: &Scenario) {
        match what {
            What::Region { fault, region } => {
                let fault = if strength < Share::ALL { fault.at(strength) } else { None }.unwrap_or(fault.clone());
                self.regions.entry(region.clone()).or_default().push(fault.scaled(scenario.speed));
            }
            What::Name { fault, region } => {
                self.names.insert(region.clone(), fault.scaled(scenario.speed));
            }
            What::Aws { aws } => {
                self.gone.extend(aws.lost_region().cloned());
                self.aws.insert(place, aws.scaled(scenario.speed));
            }
            What::Observer { fault, observer, about } => {
                let regions = about.iter().chain(scenario.regions.iter().filter(|_| about.is_none())).cloned();
                match fault {
                    ObserverFault::Lost => {
                        self.lost.insert(observer.clone());
                    }
                    ObserverFault::Lies => self.lies.entry(observer.clone()).or_default().extend(regions),
                    ObserverFault::CutOff => {
                        for region in regions {
                            self.cut_off.entry(region).or_default().insert(observer.clone());
                        }
                    }
                }
            }
        }
    }
}

/// When a fault has which strength, from its beginning to its end, where it has none.
fn strengths(fault: &Injection, seed: u64, place: usize) -> Vec<(Period, Share)> {
    let Injection { begins, ends, shape, .. } = *fault;
    let mut course = match shape {
        Shape::Constant => vec![(begins, Share::ALL)],
        Shape::Ramp(over) => (0..STEPS)
            .map(|step| {
                let strength = f64::from(step + 1) / f64::from(STEPS);
                (Period(begins.0 + over.0 * step / STEPS), Share::try_from(strength).unwrap_or(Share::ALL))
            })
            .collect(),
        Shape::Pulse(lengths) => in_turn(begins, ends, lengths, |mean| mean),
        Shape::Random(lengths) => {
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            random.set_stream(place as u64);
            in_turn(begins, ends, lengths, |mean| {
                let drawn = -(1.0 - random.random::<f64>()).ln();
                Period(mean.0.mul_f64(drawn.clamp(SHORTEST, LONGEST)))
            })
        }
    };
    course.retain(|(at, _)| *at < ends);
    course.push((ends, Share::NONE));
    course
}

fn in_turn(
    begins: Period,
    ends: Period,
    lengths: OnOff,
    mut draw: impl FnMut(Period) -> Period,
) -> Vec<(Period, Share)> {
    let mut course = Vec::new();
    let mut at = begins;
    while at < ends {
        course.push((at, Share::ALL));
        let off = Period(at.0 + draw(lengths.on).0);
        course.push((off, Share::NONE));
        at = Period(off.0 + draw(lengths.off).0);
    }
    course
}
