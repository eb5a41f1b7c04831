//! A month counted by hand.

use domain::LabExemption;

use super::*;

const CONFIG: &str = r#"control_region = "eu-north-1"
observers = ["us-west-2", "eu-central-1", "ap-southeast-2"]

[[service]]
name = "api.example.com"
hosted_zone = "Z1"
region = [{ name = "eu-west-1", a = ["52.95.110.1"] }, { name = "us-east-1", a = ["52.95.110.2"] }]
probe = [{ name = "health", kind = "https", path = "/health" }]
"#;

fn config(source: &str) -> Config {
    Config::parse("pointsman.toml", source).unwrap()
}

fn amount(cost: &Cost, name: &str) -> String {
    let item = cost.items.iter().find(|item| item.name == name);
    let monthly: f64 = item.unwrap_or_else(|| panic!("{name} is an item")).monthly.into();
    format!("{monthly:.2}")
}

#[test]
fn a_month_of_three_observers_is_counted_item_by_item() {
    let cost = of(&config(CONFIG));
    // 43,800 minutes × 3 × 61.5 s × 0.125 GB × $0.0000133334
    assert_eq!(amount(&cost, "Lambda: checkers"), "13.47");
    // Two with HTTPS and a fast interval, one that is always unhealthy.
    assert_eq!(amount(&cost, "Route 53: health checks"), "5.50");
    // Three of each region and two of the service, at $0.30; 16 others in 4 h of 730.
    assert_eq!(amount(&cost, "CloudWatch: metrics"), "2.43");
    // 43,800 calls of the failover function, 8,760 × 3 of the observers, 1,440 × 3 in incidents.
    assert_eq!(amount(&cost, "CloudWatch: PutMetricData"), "0.74");
    // Two of each region, five of the service, two of the function, one of the preflight, three of the observers; a composite at $0.50.
    assert_eq!(amount(&cost, "CloudWatch: alarms"), "2.00");
    // Two metrics, 8,900 writes × 2 × 3, and 43,800 reads × 3
    assert_eq!(amount(&cost, "Anomaly score"), "0.92");
    // 87,600 a checker × 3, and some in incidents.
    assert_eq!(amount(&cost, "S3: observations written"), "1.34");
    // 87,600 times 4 servers × 3
    assert_eq!(amount(&cost, "Route 53: queries of the observers"), "0.42");
    assert_eq!(cost.monthly, cost.items.iter().map(|item| item.monthly).sum());
}

#[test]
fn a_lab_s_haste_does_not_change_the_cost() {
    let exemption = LabExemption { speed: 4.0, name_servers: Vec::new(), sources: [].into(), environment: [].into() };
    assert_eq!(of(&config(CONFIG).in_lab(exemption)), of(&config(CONFIG)));
}

#[test]
fn another_cloud_s_check_costs_more() {
    let elsewhere = of(&config(&CONFIG.replace("us-east-1", "other-cloud")));
    assert_eq!(amount(&elsewhere, "Route 53: health checks"), "7.75", "0.50, 2.50 and 4.75");
}

#[test]
fn the_checks_that_a_calculated_one_counts_cost_too() {
    let children = "{ kind = \"https\", port = 443 }, { kind = \"tcp\", port = 5432, interval = \"30s\" }, \"c1\"";
    let check = format!("name = \"us-east-1\", check = {{ kind = \"calculated\", children = [{children}] }}");
    let counting = of(&config(&CONFIG.replace("name = \"us-east-1\"", &check)));
    assert_eq!(
        amount(&counting, "Route 53: health checks"),
        "6.50",
        "0.50 and 2.50; 0.50, 2.50, 0.50 and one that is there"
    );
}

/// design.md: for about $25 a month, Route 53's checks apart.
#[test]
fn one_service_with_the_defaults_costs_no_more_than_25_dollars() {
    let cost = of(&config(CONFIG));
    let checks = cost.items.iter().find(|item| item.name == "Route 53: health checks").unwrap().monthly;
    let without = cost.monthly.less(checks).unwrap();
    assert!(f64::from(without) <= 25.0, "{without}");
}

#[test]
fn metrics_in_logs_cost_more_for_what_several_see() {
    let emf = of(&Config { metrics: MetricsBy::Emf, ..config(CONFIG) });
    // Three times six of the regions, two of the service and two margins.
    assert_eq!(amount(&emf, "CloudWatch: metrics"), "4.83");
    assert_eq!(amount(&emf, "CloudWatch: metrics in logs"), "0.09");
    assert!(emf.monthly > of(&config(CONFIG)).monthly);
}

#[test]
fn shorter_rounds_cost_requests_but_hardly_time() {
    let fast = of(&config(&CONFIG.replace("hosted_zone", "policy.preset = \"fast\"\nhosted_zone")));
    let steady = of(&config(CONFIG));
    assert_eq!(amount(&fast, "Lambda: checkers"), amount(&steady, "Lambda: checkers"));
    assert_eq!(fast.monthly, steady.with_fast_rounds);
    assert_eq!(
        fast.monthly.less(steady.monthly).unwrap().to_string(),
        "$1.90",
        "data out, and what is written in incidents"
    );
}

#[test]
fn standby_from_dearest_to_cheapest() {
    let standby = of(&config(CONFIG)).standby;
    let shown: Vec<_> = standby.iter().map(|it| (it.name.as_str(), it.monthly.to_string(), it.share_bp)).collect();
    assert_eq!(
        shown,
        [
            ("Always-on duplicate", "$10,000.00".to_owned(), 10_000),
            ("Hot standby", "$10,000.00".to_owned(), 10_000),
            ("Warm standby", "$3,000.00".to_owned(), 3_000),
            ("Pilot light", "$1,000.00".to_owned(), 1_000),
            ("Adaptive standby", "$1,049.32".to_owned(), 1_049),
        ]
    );
}

#[test]
fn dollars_survive_json_to_the_cent() {
    for cents in [0, 1, 29, 1_999, 104_932, 123_456_789] {
        let usd = Usd(cents);
        let json = serde_json::to_string(&usd).unwrap();
        assert_eq!(serde_json::from_str::<Usd>(&json).unwrap(), usd, "{json}");
    }
    assert_eq!(Usd(123_456_789).to_string(), "$1,234,567.89");
}
