//! What a command works on: the configuration, the account, and what is deployed there.

use aws::{AwsError, Controller, Function, Names, Session, SessionOptions};
use domain::{Config, DnsName, Service};

use crate::{args::Global, error::CliError, printer::Printer};

/// A configuration and the account that it is for.
pub(crate) struct Target {
    pub(crate) config: Config,
    pub(crate) session: Session,
    pub(crate) names: Names,
}

impl Target {
    /// Reads the configuration, asks AWS who we are, and says so.
    pub(crate) async fn load(global: &Global, printer: &Printer) -> Result<Self, CliError> {
        let config = config(global)?;
        let session = Session::load(SessionOptions {
            profile: global.profile.clone(),
            region: global.region.clone(),
            endpoint_url: global.endpoint_url.clone(),
            caller: None,
        })
        .await;
        let account = account(&session, &config).await?;
        let endpoint = session.endpoint_url().unwrap_or("AWS");
        printer.detail(&format!("account {account}, control region {}, endpoint {endpoint}", config.control_region));
        let names = Names::new(config.stack.clone(), account);
        Ok(Self { config, session, names })
    }

    /// What is deployed, which is what counts, whatever the file says.
    pub(crate) async fn deployed(&self) -> Result<Function, CliError> {
        Ok(Function::deployed(&self.session, &self.names, &self.config.control_region).await?)
    }

    /// The controller of what the file describes, for while what is deployed can't be read.
    pub(crate) async fn controller_by_zone(&self) -> Result<(Function, Controller), CliError> {
        let function = Function::by_zone(&self.session, &self.names, &self.config).await?;
        let controller = Controller::new(&function)?;
        Ok((function, controller))
    }

    /// The controller of what is deployed.
    pub(crate) async fn controller(&self) -> Result<(Function, Controller), CliError> {
        let function = self.deployed().await?;
        let controller = Controller::new(&function)?;
        Ok((function, controller))
    }
}

/// Asked in the control region, and beside it where that does not answer: an order by hand needs none of it.
async fn account(session: &Session, config: &Config) -> Result<String, AwsError> {
    match session.account(&config.control_region).await {
        Err(AwsError::Unreachable { .. }) => session.account(&config.observers[0]).await,
        answered => answered,
    }
}

/// The configuration that `--config` names.
pub(crate) fn config(global: &Global) -> Result<Config, CliError> {
    Ok(Config::parse(&global.config.display().to_string(), &source(global)?)?)
}

/// The same, telling what in it is seldom meant.
pub(crate) fn config_with_warnings(global: &Global, printer: &Printer) -> Result<Config, CliError> {
    let config = config(global)?;
    let file = global.config.display();
    for warning in config.warnings().located(&source(global)?) {
        printer.line(&format!("warning: {file}:{warning}"));
    }
    Ok(config)
}

fn source(global: &Global) -> Result<String, CliError> {
    let path = &global.config;
    std::fs::read_to_string(path).map_err(|source| CliError::Read { path: path.clone(), source })
}

/// The services meant by `--service`: that one, or all.
pub(crate) fn services<'a>(all: &'a [Service], named: Option<&DnsName>) -> Result<&'a [Service], CliError> {
    Ok(if named.is_some() { std::slice::from_ref(service(all, named)?) } else { all })
}

/// The service meant by `--service`, which may be left out where there is one.
pub(crate) fn service<'a>(services: &'a [Service], named: Option<&DnsName>) -> Result<&'a Service, CliError> {
    let all = || services.iter().map(|s| s.name.to_string()).collect::<Vec<_>>().join(", ");
    match (named, services) {
        (None, [only]) => Ok(only),
        (None, _) => Err(CliError::Usage(format!("there are several services, name one with --service: {}", all()))),
        (Some(name), _) => services
            .iter()
            .find(|service| service.name == *name)
            .ok_or_else(|| CliError::Usage(format!("there is no service `{name}`; there are: {}", all()))),
    }
}

/// The person at the keyboard, for the audit trail.
pub(crate) fn who() -> String {
    std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).unwrap_or_else(|_| "unknown".to_owned())
}

/// Asks on the terminal, unless `--yes`.
pub(crate) fn confirm(yes: bool, question: &str, printer: &Printer) -> Result<(), CliError> {
    if yes {
        return Ok(());
    }
    printer.line(&format!("{question} [y/N]"));
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer);
    if read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes") { Ok(()) } else { Err(CliError::NotConfirmed) }
}
