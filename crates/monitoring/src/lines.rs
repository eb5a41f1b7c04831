//! What stands in a dashboard's graphs.

use domain::{Config, RegionName};
use serde_json::{Value, json};

use crate::metric::{Metric, NAMESPACE, Subject, places};

/// A graph in the making.
#[derive(Debug, Clone)]
pub(crate) struct Graph {
    title: String,
    region: RegionName,
    lines: Vec<Value>,
    period_s: u32,
    stacked: bool,
    left: Value,
    right: Value,
    annotations: Vec<Value>,
}

impl Graph {
    /// Of what lies in this region's `CloudWatch`, unless a line says otherwise.
    pub(crate) fn new(title: impl Into<String>, config: &Config) -> Self {
        Self {
            title: title.into(),
            region: config.control_region.clone(),
            lines: Vec::new(),
            period_s: 60,
            stacked: false,
            left: json!({ "min": 0 }),
            right: Value::Null,
            annotations: Vec::new(),
        }
    }

    pub(crate) fn stacked(self) -> Self {
        Self { stacked: true, ..self }
    }

    pub(crate) fn every(self, period_s: u32) -> Self {
        Self { period_s, ..self }
    }

    pub(crate) fn left(self, left: Value) -> Self {
        Self { left, ..self }
    }

    /// A level with a name.
    pub(crate) fn level(mut self, value: f64, label: &str, color: Option<&str>) -> Self {
        let mut level = json!({ "value": value, "label": label });
        if let Some(color) = color {
            level["color"] = json!(color);
        }
        self.annotations.push(level);
        self
    }

    /// A metric of ours; one that lies in several regions has a line of each.
    pub(crate) fn ours(mut self, config: &Config, metric: Metric, subject: &Subject, stat: &str, label: &str) -> Self {
        let places = places(metric, config);
        for place in places {
            let label = if places.len() == 1 { label.to_owned() } else { format!("{label}, seen from {place}") };
            let options = json!({ "label": label, "stat": stat, "region": place.as_str() });
            self.lines.push(line(NAMESPACE, metric.name(), &subject.dimensions(), options));
        }
        self
    }

    /// The same of a metric that is sent now and then: 0 in between. On the right it is a mark: 1 where it happened.
    pub(crate) fn ours_or_zero(
        mut self,
        config: &Config,
        metric: Metric,
        subject: &Subject,
        label: &str,
        mark: Option<&str>,
    ) -> Self {
        let places = match subject {
            // An observer writes into its own region's log what it alone sees.
            Subject::Sight(_, _, observer) if places(metric, config).len() > 1 => vec![RegionName::from(observer)],
            _ => vec![places(metric, config)[0].clone()],
        };
        for place in &places {
            let id = format!("m{}", self.lines.len());
            let hidden = json!({ "id": id, "visible": false, "stat": "Maximum", "region": place.as_str() });
            self.lines.push(line(NAMESPACE, metric.name(), &subject.dimensions(), hidden));
            let mut shown = json!({ "expression": format!("FILL({id}, 0)"), "label": label, "id": format!("e{id}") });
            if let Some(color) = mark {
                shown["yAxis"] = json!("right");
                shown["color"] = json!(color);
                self.right = json!({ "min": 0, "max": 1, "showUnits": false, "label": "switch" });
            }
            self.lines.push(json!([shown]));
        }
        self
    }

    /// A metric that AWS keeps.
    pub(crate) fn of_aws(
        mut self,
        region: &RegionName,
        (namespace, metric): (&str, &str),
        dimensions: &[(&str, &str)],
        stat: &str,
        label: &str,
    ) -> Self {
        let options = json!({ "label": label, "stat": stat, "region": region.as_str() });
        self.lines.push(line(namespace, metric, dimensions, options));
        self
    }

    /// As a widget's properties.
    pub(crate) fn properties(self) -> Value {
        let mut properties = json!({
            "title": self.title,
            "view": "timeSeries",
            "stacked": self.stacked,
            "region": self.region.as_str(),
            "period": self.period_s,
            "metrics": self.lines,
            "yAxis": { "left": self.left },
        });
        if !self.right.is_null() {
            properties["yAxis"]["right"] = self.right;
        }
        if !self.annotations.is_empty() {
            properties["annotations"] = json!({ "horizontal": self.annotations });
        }
        properties
    }
}

fn line(namespace: &str, metric: &str, dimensions: &[(&str, &str)], options: Value) -> Value {
    let names = [namespace, metric].into_iter();
    let words = names.chain(dimensions.iter().flat_map(|(name, value)| [*name, *value])).map(Value::from);
    Value::Array(words.chain([options]).collect())
}
