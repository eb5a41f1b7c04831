//! The stacks of a deployment as they should be, and what lies in the buckets beside the code.

use std::collections::BTreeSet;

use bytes::Bytes;
use domain::{Config, Deployment, RegionName, sha256_hex};
use monitoring::Composites;

use super::{DeployError, Preview, Progress, Release, Schedule, left::Step, put_once, regions};
use crate::{
    Session,
    names::Names,
    stacks::{Applied, StackError, Stacks, Template},
};

const ARTIFACTS: &str = include_str!("../../../../infra/artifacts.yaml");
const OBSERVER: &str = include_str!("../../../../infra/observer.yaml");
const CONTROL: &str = include_str!("../../../../infra/control.yaml");

/// Bytes of a template that `CloudFormation` takes in a call.
const INLINE: usize = 51_200;

/// A stack as it should be.
pub(super) struct WantedStack {
    pub(super) region: RegionName,
    pub(super) name: String,
    pub(super) template: Template,
    /// Whether it is known to be so.
    pub(super) is_there: bool,
}

impl WantedStack {
    fn new(region: &RegionName, name: String, template: Template) -> Self {
        Self { region: region.clone(), name, template, is_there: false }
    }

    /// Makes it so.
    pub(super) async fn apply(
        &self,
        session: &Session,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<Applied, StackError> {
        let watch = |news| progress(Progress::from(news));
        let stacks = Stacks::new(session, &self.region, &watch);
        let applied = if self.is_there { Applied::Unchanged } else { stacks.apply(&self.name, &self.template).await? };
        progress(Progress::Stack { region: self.region.clone(), stack: self.name.clone(), applied });
        Ok(applied)
    }
}

/// All that a deployment should be.
pub(super) struct Wanted {
    /// The buckets of each region, which come first.
    pub(super) artifacts: Vec<WantedStack>,
    /// The functions and what is around them.
    pub(super) functions: Vec<WantedStack>,
    /// Alarms, dashboard and subscriptions, which come last: they speak of the rest.
    pub(super) watch: WantedStack,
    /// Under which key its template lies, where it is too long for a call.
    watch_key: Option<String>,
    config: Config,
    config_key: String,
    config_object: Bytes,
    release: Release,
}

impl Wanted {
    /// Asks whether there is a state bucket already, and nothing else.
    pub(super) async fn of(
        session: &Session,
        names: &Names,
        deployment: &Deployment,
        release: &Release,
    ) -> Result<Self, DeployError> {
        let config = &deployment.config;
        // What is named by its content is never another one.
        let object = serde_json::to_vec(deployment).expect("a deployment is plain data");
        let config_key = format!("config/{}.json", &sha256_hex(&object)[..32]);
        let state_bucket = state_bucket(session, names, &config.control_region).await?;
        let artifacts = regions(config).map(|region| {
            let template = Template::new(ARTIFACTS.to_owned(), [("Stack", names.bus())]);
            WantedStack::new(region, names.stack("artifacts"), template)
        });
        let observers = config.observers.iter().map(|region| observer(names, config, release, region, &config_key));
        let control = control(names, config, release, &config_key, state_bucket);
        let (watch, watch_key) = watch(session, names, config);
        Ok(Self {
            watch,
            watch_key,
            artifacts: artifacts.collect(),
            functions: observers.chain([control]).collect(),
            config: config.clone(),
            config_key,
            config_object: object.into(),
            release: release.clone(),
        })
    }

    /// Leaves those stacks alone in which a preview has seen nothing to change.
    pub(super) fn leave(&mut self, seen: &Preview) {
        for stack in self.artifacts.iter_mut().chain(&mut self.functions).chain([&mut self.watch]) {
            stack.is_there = seen.leaves(&stack.region, &stack.name);
        }
    }

    /// All that lies in the buckets, by its key.
    pub(super) fn objects(&self) -> Vec<(String, Bytes)> {
        let Release { checker, failover, .. } = &self.release;
        vec![
            (self.config_key.clone(), self.config_object.clone()),
            (checker.key("checker"), checker.zip.clone()),
            (failover.key("failover"), failover.zip.clone()),
        ]
    }

    /// Makes the bucket of each region, with what lies in it.
    pub(super) async fn upload(
        &self,
        session: &Session,
        names: &Names,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<(), DeployError> {
        let step = Step {
            after: "the health checks are there, and no function was touched; deployed again, it goes on from there",
            taken: "code and configuration are there",
            missed: "not all of code and configuration is there",
        };
        let each = self.artifacts.iter().map(|stack| {
            let uploaded = async move {
                stack.apply(session, progress).await?;
                self.put(session, names, &stack.region).await
            };
            (stack.region.clone(), stack.name.clone(), uploaded)
        });
        step.everywhere(each).await?;
        Ok(())
    }

    /// Makes alarms, dashboard and subscriptions.
    pub(super) async fn watch(
        &self,
        session: &Session,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<(), DeployError> {
        let step = Step {
            after: "every region has the new version; deployed again, it goes on from there",
            taken: "",
            missed: "alarms, dashboard and subscriptions are not what they should be",
        };
        let WantedStack { region, name, .. } = &self.watch;
        step.everywhere([(region.clone(), name.clone(), self.watch.apply(session, progress))]).await?;
        Ok(())
    }

    /// Each region gets what runs there.
    async fn put(&self, session: &Session, names: &Names, region: &RegionName) -> Result<(), DeployError> {
        let put = |key, body| put_once(session, names, region, key, body);
        put(self.config_key.clone(), self.config_object.clone()).await?;
        if self.config.observers.contains(region) {
            put(self.release.checker.key("checker"), self.release.checker.zip.clone()).await?;
        }
        if self.config.control_region == *region {
            put(self.release.failover.key("failover"), self.release.failover.zip.clone()).await?;
            self.put_watch(session, names).await?;
        }
        Ok(())
    }

    /// Puts the template of `watch` where it has to lie.
    pub(super) async fn put_watch(&self, session: &Session, names: &Names) -> Result<Put, DeployError> {
        let Some(key) = &self.watch_key else { return Ok(Put::There) };
        let region = &self.watch.region;
        let bucket = names.artifacts(region);
        if session.s3(region).head_bucket().bucket(bucket).send().await.is_err() {
            return Ok(Put::NoBucket);
        }
        let body = self.watch.template.body().to_owned().into();
        let put = put_once(session, names, region, key.clone(), body).await?;
        Ok(if put { Put::Now(key.clone()) } else { Put::There })
    }
}

/// Where a template was found, that is too long for a call.
pub(super) enum Put {
    /// Where it should be, or it need not be anywhere.
    There,
    /// Nowhere; it has been put under this key.
    Now(String),
    /// There is no bucket for it yet.
    NoBucket,
}

fn observer(names: &Names, config: &Config, release: &Release, region: &RegionName, config_key: &str) -> WantedStack {
    let vpc = config.vpc.get(region);
    WantedStack::new(
        region,
        names.stack("observer"),
        template(
            OBSERVER,
            config,
            [
                ("Stack", names.bus()),
                ("ControlRegion", config.control_region.to_string()),
                ("CodeKey", release.checker.key("checker")),
                ("ConfigKey", config_key.to_owned()),
                ("Architecture", release.architecture.as_str().to_owned()),
                ("Schedule", Schedule::of(config).as_str().to_owned()),
                ("SubnetIds", joined(vpc.map(|vpc| &vpc.subnets))),
                ("SecurityGroupIds", joined(vpc.map(|vpc| &vpc.security_groups))),
            ],
        ),
    )
}

/// A list as a parameter has it; none is empty.
fn joined<T: ToString>(ids: Option<&Vec<T>>) -> String {
    ids.into_iter().flatten().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

fn control(names: &Names, config: &Config, release: &Release, config_key: &str, state_bucket: &str) -> WantedStack {
    let zones = config.services.iter().map(|s| format!("arn:aws:route53:::hostedzone/{}", s.hosted_zone));
    let regions = || config.services.iter().flat_map(|service| &service.regions);
    let buckets = regions().flat_map(|it| &it.buckets).map(|bucket| format!("arn:aws:s3:::{bucket}"));
    let secrets = regions().flat_map(|it| {
        // AWS appends a dash and six characters to the name.
        let arn = |name| format!("arn:aws:secretsmanager:{}:{}:secret:{name}-??????", it.name, names.account());
        it.secrets.iter().map(arn)
    });
    let vaults = regions().flat_map(|it| &it.backups);
    let vaults = vaults.map(|it| format!("arn:aws:backup:{}:{}:backup-vault:{}", it.region, names.account(), it.vault));
    let records = config.services.iter().flat_map(decision::names);
    let records: Vec<_> = records.map(|name| name.to_api().trim_end_matches('.').to_owned()).collect();
    WantedStack::new(
        &config.control_region,
        names.stack("control"),
        template(
            CONTROL,
            config,
            [
                ("Stack", names.bus()),
                ("CodeKey", release.failover.key("failover")),
                ("ConfigKey", config_key.to_owned()),
                ("HostedZones", each_once(zones)),
                ("RecordNames", records.join(",")),
                ("ReplicatedBuckets", each_once(buckets)),
                ("Secrets", each_once(secrets)),
                ("BackupVaults", each_once(vaults)),
                ("Architecture", release.architecture.as_str().to_owned()),
                ("Schedule", Schedule::of(config).as_str().to_owned()),
                ("StateBucket", state_bucket.to_owned()),
            ],
        ),
    )
}

/// A parameter of several values.
fn each_once(values: impl Iterator<Item = String>) -> String {
    values.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(",")
}

/// The stack that is made from the configuration, and the key of its template where that has to lie in the bucket.
fn watch(session: &Session, names: &Names, config: &Config) -> (WantedStack, Option<String>) {
    // What stands in for AWS knows the parts of it that drills need; composite alarms are not among them everywhere.
    let composites = if session.endpoint_url().is_some() { Composites::LeftOut } else { Composites::Made };
    let region = &config.control_region;
    let text = monitoring::template(config, composites).to_string();
    let stack = |template| WantedStack::new(region, names.stack("watch"), template);
    if text.len() <= INLINE {
        return (stack(Template::new(text, [])), None);
    }
    let (bucket, key) = (names.artifacts(region), format!("templates/{}.json", &sha256_hex(text.as_bytes())[..32]));
    let url = match session.endpoint_url() {
        Some(endpoint) => format!("{}/{bucket}/{key}", endpoint.trim_end_matches('/')),
        None => format!("https://{bucket}.s3.{region}.amazonaws.com/{key}"),
    };
    (stack(Template::new(text, []).stored(url)), Some(key))
}

/// A function's template, with what a lab adds to its environment.
fn template(template: &str, config: &Config, parameters: impl IntoIterator<Item = (&'static str, String)>) -> Template {
    const VARIABLES: &str = "        Variables:\n";
    // A JSON string is a YAML string too.
    let line = |(name, value): (&String, &String)| format!("          {name}: {}\n", serde_json::json!(value));
    let added = config.lab.iter().flat_map(|lab| lab.environment.iter().map(line));
    let variables: String = [VARIABLES.to_owned()].into_iter().chain(added).collect();
    Template::new(template.replace(VARIABLES, &variables), parameters)
}

/// A state bucket that an earlier deployment left behind is taken over, not made again.
async fn state_bucket(session: &Session, names: &Names, region: &RegionName) -> Result<&'static str, DeployError> {
    let bucket = names.state(region);
    let exists = session.s3(region).head_bucket().bucket(&bucket).send().await.is_ok();
    let watch = |_| ();
    let owned = Stacks::new(session, region, &watch).owns(&names.stack("control"), "State").await?;
    Ok(if exists && !owned { "existing" } else { "create" })
}
