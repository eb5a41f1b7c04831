//! What `CloudWatch` is told of a deployment, and what it makes of it: metrics, alarms, a dashboard.
//!
//! Everything here is a function of its arguments: no I/O, no clock. `aws` sends the metrics and applies the template.

mod alarm;
mod batch;
mod dashboard;
mod emf;
mod lines;
mod metric;
mod readings;
mod template;
#[cfg(test)]
mod tests;

pub use alarm::{Alarm, AlarmKind, Children, Composite, alarms, composites};
pub use batch::{Batch, Datum, QUIET};
pub use dashboard::{Dashboard, Widget, dashboards};
pub use emf::documents;
pub use metric::{Kept, Metric, NAMESPACE, Publisher, Series, Subject, Unit, metrics_kept};
pub use readings::{of_failure, of_look, of_preflight};
pub use template::{Composites, template};
