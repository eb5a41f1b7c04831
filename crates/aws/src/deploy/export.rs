//! A deployment as files, for those who let nothing but CloudFormation itself change their account.

use std::collections::BTreeMap;

use bytes::Bytes;
use decision::{diff_checks, ids};
use domain::{Config, Deployment};

use super::{DeployError, Release, wanted::Wanted};
use crate::{Session, names::Names, switch::Switch};

/// A file of an exported deployment.
#[derive(Debug, Clone)]
pub struct Exported {
    /// Below the folder: `code/…` and `config/…` are keys of every region's artifact bucket, `REGION/….json` are a stack's
    /// parameters, the rest are templates.
    pub path: String,
    /// What is in it.
    pub body: Bytes,
}

/// What `deploy` would upload and give to CloudFormation. Reads the account, and changes nothing: the health checks must be
/// there, since the configuration names them.
pub async fn export(
    session: &Session,
    names: &Names,
    config: &Config,
    release: &Release,
) -> Result<Vec<Exported>, DeployError> {
    let there = Switch::new(session, config.speed()).checks_there(config).await?;
    let mut checks = BTreeMap::new();
    for service in &config.services {
        let diff = diff_checks(&config.stack, service, &there);
        if diff.iter().any(|check| check.held.is_none()) {
            return Err(DeployError::NoChecks(service.name.clone()));
        }
        checks.insert(service.name.clone(), ids(&diff));
    }
    let deployment = Deployment { config: config.clone(), checks };
    let wanted = Wanted::of(session, names, &deployment, release).await?;
    let mut files: Vec<_> = wanted.objects().into_iter().map(|(path, body)| Exported { path, body }).collect();
    for stack in wanted.artifacts.iter().chain(&wanted.functions).chain([&wanted.watch]) {
        let part = stack.name.trim_start_matches(&names.stack("")).to_owned();
        let template = Exported { path: format!("{part}.yaml"), body: stack.template.body().to_owned().into() };
        if !files.iter().any(|file| file.path == template.path) {
            files.push(template);
        }
        let parameters: Vec<_> = stack.template.parameters().map(|(key, value)| format!("{key}={value}")).collect();
        let body = serde_json::to_vec_pretty(&parameters).expect("texts are plain data").into();
        files.push(Exported { path: format!("{}/{part}.json", stack.region), body });
    }
    Ok(files)
}
