//! `check`: probe every region now, from this machine or from where the observers are.

mod report;
mod text;

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::pin,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws::check_remote;
use decision::Measured;
use domain::{Config, ConfigHash, DnsName, Observation, ObserverName, RegionName, Round, Service, Verdict};
use jiff::Timestamp;
use probe::Prober;
use tokio::time::{MissedTickBehavior, interval};

use crate::{
    args::{self, Global, Output},
    error::CliError,
    exit,
    printer::Printer,
    signals::asked_to_stop,
    target::{self, Target},
};

pub(crate) async fn run(global: &Global, args: &args::Check, printer: &Printer) -> Result<exit::Code, CliError> {
    let (config, mut eyes) =
        if args.remote { Eyes::there(global, printer).await? } else { Eyes::here(global, printer)? };
    let services = target::services(&config.services, args.service.as_ref())?;
    if args.watch {
        return watch(&mut eyes, &config, services, printer).await;
    }
    let looks = tokio::select! {
        looks = eyes.look(&config, services) => looks?,
        () = asked_to_stop() => return Err(CliError::Interrupted),
    };
    match printer.output() {
        Output::Text => printer.raw(&text::tables(&looks)),
        Output::Json => looks.iter().for_each(|look| printer.machine(&look.report())),
    }
    Ok(code(&looks))
}

/// A round each interval until a signal; people are shown what changes, machines each round in a line.
async fn watch(
    eyes: &mut Eyes,
    config: &Config,
    services: &[Service],
    printer: &Printer,
) -> Result<exit::Code, CliError> {
    let shortest = services.iter().map(|service| service.policy.interval.0).min().unwrap_or_default();
    let mut ticks = interval(shortest.max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut stop = pin!(asked_to_stop());
    let activity = printer.activity();
    let mut latest: Option<Vec<Look<'_>>> = None;
    for rounds in 1_u64.. {
        let round = async {
            ticks.tick().await;
            eyes.look(config, services).await
        };
        let looks = tokio::select! {
            looks = round => looks,
            () = &mut stop => break,
        };
        let looks = match looks {
            Ok(looks) => looks,
            // Whoever watches waits for the network's return too.
            Err(error) if latest.is_some() => {
                activity.done(&error.to_string());
                continue;
            }
            Err(error) => return Err(error),
        };
        let text = match (printer.output(), &latest) {
            (Output::Json, _) => looks.iter().map(|look| look.report().line()).collect(),
            (Output::Text, None) => text::tables(&looks),
            (Output::Text, Some(before)) => text::changes(Timestamp::now(), before, &looks),
        };
        activity.print(&text);
        activity.doing(&format!("round {rounds}: {}; Ctrl-C ends", text::summary(&looks)));
        latest = Some(looks);
    }
    latest.map(|looks| code(&looks)).ok_or(CliError::Interrupted)
}

/// Who looks.
enum Eyes {
    /// This machine; with each service's round before, since streaks go on from it.
    Here(Box<Prober>, BTreeMap<DnsName, Observation>),
    /// The deployed checkers.
    There(Box<Target>),
}

impl Eyes {
    /// This machine's, by the configuration as written.
    fn here(global: &Global, printer: &Printer) -> Result<(Config, Self), CliError> {
        let config = target::config_with_warnings(global, printer)?;
        let prober = Box::new(Prober::new(&config)?);
        Ok((config, Self::Here(prober, BTreeMap::new())))
    }

    /// The checkers', by the configuration that they run with.
    async fn there(global: &Global, printer: &Printer) -> Result<(Config, Self), CliError> {
        let target = Target::load(global, printer).await?;
        let deployed = target.deployed().await?;
        Ok((deployed.deployment.config, Self::There(Box::new(target))))
    }

    /// One round: each service by each observer.
    async fn look<'a>(&mut self, config: &Config, services: &'a [Service]) -> Result<Vec<Look<'a>>, CliError> {
        match self {
            Self::Here(prober, before) => {
                let mut looks = Vec::new();
                for service in services {
                    let measured = measure(prober, service, config.hash()).await;
                    let observation = decision::follow(before.get(&service.name), measured, 0);
                    before.insert(service.name.clone(), observation.clone());
                    looks.push(Look { service, observer: observation.observer.clone(), seen: Ok(observation) });
                }
                Ok(looks)
            }
            Self::There(target) => {
                let mut answers = check_remote(&target.session, &target.names, config).await;
                if answers.values().all(Result::is_err)
                    && let Some((_, Err(error))) = answers.pop_first()
                {
                    return Err(error.into());
                }
                let looks = services.iter().flat_map(|service| {
                    answers.iter().map(|(observer, answer)| {
                        let seen = match answer {
                            Ok(all) => all
                                .iter()
                                .find(|observation| observation.service == service.name)
                                .cloned()
                                .ok_or_else(|| "it does not know this service".to_owned()),
                            Err(error) => Err(error.to_string()),
                        };
                        Look { service, observer: observer.clone(), seen }
                    })
                });
                Ok(looks.collect())
            }
        }
    }
}

async fn measure(prober: &Prober, service: &Service, config: ConfigHash) -> Measured {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let seen = prober.round(service).await;
    Measured {
        service: service.name.clone(),
        observer: "local".parse().expect("`local` is a label"),
        config,
        invocation: std::process::id().to_string(),
        round: Round::at(since_epoch, service.policy.interval),
        at: Timestamp::now(),
        regions: seen.regions,
        anomalous: BTreeSet::new(),
        anomalies: BTreeMap::new(),
        answering: seen.answering,
    }
}

/// What an observer saw of a service, or why it saw nothing.
struct Look<'a> {
    service: &'a Service,
    observer: ObserverName,
    seen: Result<Observation, String>,
}

impl Look<'_> {
    /// Its word on a region; one that could not look knows nothing.
    fn verdict(&self, region: &RegionName) -> Verdict {
        let view = self.seen.as_ref().ok().and_then(|observation| observation.regions.get(region));
        view.map_or(Verdict::Unknown, |view| view.verdict)
    }

    fn verdicts(&self) -> impl Iterator<Item = (&RegionName, Verdict)> {
        self.service.regions.iter().map(|region| (&region.name, self.verdict(&region.name)))
    }
}

fn code(looks: &[Look<'_>]) -> exit::Code {
    let serves = |verdict| matches!(verdict, Verdict::Up | Verdict::Degraded);
    let healthy = looks.iter().all(|look| look.verdicts().all(|(_, verdict)| serves(verdict)));
    if healthy { exit::DONE } else { exit::UNHEALTHY }
}
