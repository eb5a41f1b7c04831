//! The rules of choosing, as far as they can be asked from outside.

use std::collections::BTreeMap;

use super::*;

const WWW: &str = "www.example.com";
const ONE: &str = "192.0.2.1";
const TWO: &str = "192.0.2.2";
const THREE: &str = "192.0.2.3";

/// While these checks are unhealthy, each client is answered this by `WWW`.
async fn answered(sets: &[RecordSet], unhealthy: &[&str], expected: &[&str]) {
    let servers = serving(sets.iter().cloned(), unhealthy).await;
    for client in clients() {
        let said = said(client, &servers, &[WWW, "A"]).await;
        assert_eq!((said.status.as_str(), said.data()), ("NOERROR", expected.to_vec()), "{client}, {unhealthy:?}");
    }
}

/// How often each address comes in `count` answers to each client.
async fn shares(sets: &[RecordSet], unhealthy: &[&str], count: usize) -> Vec<BTreeMap<String, usize>> {
    let mut all = Vec::new();
    for client in clients() {
        // Its own server each, so that it sees the draws from the first one on, the same in every run.
        let servers = serving(sets.iter().cloned(), unhealthy).await;
        let mut arguments = vec!["+short"];
        arguments.extend([WWW, "A"].repeat(count));
        let mut shares = BTreeMap::new();
        for line in printed(client, &servers, &arguments).await.lines() {
            *shares.entry(line.to_owned()).or_default() += 1;
        }
        assert_eq!(shares.values().sum::<usize>(), count, "{client}: {shares:?}");
        all.push(shares);
    }
    all
}

fn pair(primary: Option<&str>, secondary: Option<&str>) -> [RecordSet; 2] {
    [failover(Role::Primary, primary, a(WWW, ONE)), failover(Role::Secondary, secondary, a(WWW, TWO))]
}

/// `WWW` fails over from a pair below it to a plain set.
fn tree(evaluate: bool) -> Vec<RecordSet> {
    let below = |role, check, value| failover(role, Some(check), a("x.example.com", value));
    vec![
        below(Role::Primary, "p", ONE),
        below(Role::Secondary, "s", TWO),
        a("y.example.com", THREE),
        failover(Role::Primary, None, alias(WWW, "x.example.com", evaluate)),
        failover(Role::Secondary, None, alias(WWW, "y.example.com", evaluate)),
    ]
}

#[tokio::test]
async fn r03_a_set_without_a_check_is_healthy() {
    answered(&pair(None, Some("s")), &["s"], &[ONE]).await;
}

#[tokio::test]
async fn r04_the_last_resort_is_an_answer() {
    answered(&[RecordSet { health_check: Some("c".into()), ..a(WWW, ONE) }], &["c"], &[ONE]).await;
    let sets = [weighted(1, Some("one"), a(WWW, ONE)), weighted(1, Some("two"), a(WWW, TWO))];
    for shares in shares(&sets, &["one", "two"], 60).await {
        assert!(shares[ONE] > 15 && shares[TWO] > 15, "{shares:?}");
    }
}

#[tokio::test]
async fn r05_failover_answers_primary_secondary_primary() {
    let sets = pair(Some("p"), Some("s"));
    answered(&sets, &[], &[ONE]).await;
    answered(&sets, &["s"], &[ONE]).await;
    answered(&sets, &["p"], &[TWO]).await;
    answered(&sets, &["p", "s"], &[ONE]).await;
}

#[tokio::test]
async fn r06_a_secondary_without_a_check_takes_over() {
    answered(&pair(Some("p"), None), &["p"], &[TWO]).await;
}

#[tokio::test]
async fn r07_weights_are_kept_and_an_unhealthy_one_leaves_the_sum() {
    let sets = [(1, ONE), (2, TWO), (5, THREE)].map(|(weight, value)| weighted(weight, Some(value), a(WWW, value)));
    for shares in shares(&sets, &[], 240).await {
        assert!(shares[ONE].abs_diff(30) <= 15, "{shares:?}");
        assert!(shares[TWO].abs_diff(60) <= 20, "{shares:?}");
        assert!(shares[THREE].abs_diff(150) <= 25, "{shares:?}");
    }
    for shares in shares(&sets, &[THREE], 120).await {
        assert!(shares[ONE].abs_diff(40) <= 16, "{shares:?}");
        assert_eq!(shares[ONE] + shares[TWO], 120, "{shares:?}");
    }
}

#[tokio::test]
async fn r08_weight_zero_answers_only_after_all_others() {
    let sets = [weighted(0, Some("one"), a(WWW, ONE)), weighted(3, Some("two"), a(WWW, TWO))];
    for shares in shares(&sets, &[], 40).await {
        assert_eq!(shares, [(TWO.to_owned(), 40)].into());
    }
    answered(&sets, &["two"], &[ONE]).await;
    let zeros = [weighted(0, None, a(WWW, ONE)), weighted(0, None, a(WWW, TWO))];
    for shares in shares(&zeros, &[], 60).await {
        assert!(shares[ONE] > 15 && shares[TWO] > 15, "{shares:?}");
    }
}

#[tokio::test]
async fn r09_an_evaluating_alias_is_healthy_while_something_below_it_is() {
    answered(&tree(true), &[], &[ONE]).await;
    answered(&tree(true), &["p"], &[TWO]).await;
    let mut own = tree(true);
    own[3].health_check = Some("own".into());
    answered(&own, &["own"], &[THREE]).await;
}

#[tokio::test]
async fn r10_an_alias_that_does_not_evaluate_is_followed() {
    answered(&tree(false), &["p", "s"], &[ONE]).await;
}

#[tokio::test]
async fn r11_a_dead_branch_is_backed_out_of() {
    answered(&tree(true), &["p", "s"], &[THREE]).await;
}

#[tokio::test]
async fn r12_an_alias_answers_as_itself_with_the_targets_ttl_and_no_record_more() {
    let target = Target::Values { ttl: 7, values: vec![ONE.to_owned()] };
    let servers =
        serving([RecordSet { target, ..a("x.example.com", "") }, alias(WWW, "x.example.com", true)], &[]).await;
    for client in clients() {
        let said = said(client, &servers, &[WWW, "A"]).await;
        let expected = Printed { name: format!("{WWW}."), ttl: 7, kind: "A".to_owned(), data: ONE.to_owned() };
        assert_eq!((said.answer, said.authority), (vec![expected], Vec::new()), "{client}");
    }
}

#[tokio::test]
async fn r13_a_group_is_one_name_and_one_type() {
    let six = set(WWW, RecordType::Aaaa, &["2001:db8::1"]);
    let servers = serving(pair(Some("p"), None).into_iter().chain([six]), &["p"]).await;
    for client in clients() {
        assert_eq!(said(client, &servers, &[WWW, "A"]).await.data(), [TWO], "{client}");
        assert_eq!(said(client, &servers, &[WWW, "AAAA"]).await.data(), ["2001:db8::1"], "{client}");
    }
}

#[tokio::test]
async fn r14_no_data_and_no_name_differ_and_both_carry_the_soa() {
    let servers = serving([a("a.b.example.com", ONE)], &[]).await;
    for client in clients() {
        for (owner, kind, status) in [
            ("a.b.example.com", "TXT", "NOERROR"),
            ("a.b.example.com", "HINFO", "NOERROR"),
            ("b.example.com", "A", "NOERROR"),
            ("none.example.com", "A", "NXDOMAIN"),
        ] {
            let said = said(client, &servers, &[owner, kind]).await;
            assert_eq!((said.status.as_str(), said.data()), (status, Vec::new()), "{client} {owner} {kind}");
            let [soa] = &said.authority[..] else { panic!("{client}: {}", said.whole) };
            assert_eq!((soa.name.as_str(), soa.kind.as_str()), ("example.com.", "SOA"), "{client} {owner} {kind}");
        }
    }
}

#[tokio::test]
async fn r14_a_wildcard_answers_only_where_no_exact_name_exists() {
    let servers = serving([a("*.example.com", ONE), a("b.example.com", TWO)], &[]).await;
    for client in clients() {
        for (owner, status, data) in [
            ("new.example.com", "NOERROR", &[ONE][..]),
            ("deep.new.example.com", "NOERROR", &[ONE]),
            ("b.example.com", "NOERROR", &[TWO]),
            ("below.b.example.com", "NXDOMAIN", &[]),
        ] {
            let said = said(client, &servers, &[owner, "A"]).await;
            assert_eq!((said.status.as_str(), said.data()), (status, data.to_vec()), "{client} {owner}");
        }
    }
}

#[tokio::test]
async fn r14_a_cname_is_followed_within_the_zone() {
    let sets = [set(WWW, RecordType::Cname, &["x.example.com."]), a("x.example.com", ONE)];
    let servers = serving(sets, &[]).await;
    for client in clients() {
        let said = said(client, &servers, &[WWW, "A"]).await;
        let names: Vec<_> = said.answer.iter().map(|record| (record.name.as_str(), record.kind.as_str())).collect();
        assert_eq!(names, [("www.example.com.", "CNAME"), ("x.example.com.", "A")], "{client}");
        assert_eq!(said.data(), ["x.example.com.", ONE], "{client}");
    }
}

#[tokio::test]
async fn r15_the_ttl_is_the_chosen_sets() {
    let [primary, mut secondary] = pair(Some("p"), None);
    secondary.target = Target::Values { ttl: 7, values: vec![TWO.to_owned()] };
    for (unhealthy, ttl) in [(&[][..], 60), (&["p"], 7)] {
        let servers = serving([primary.clone(), secondary.clone()], unhealthy).await;
        for client in clients() {
            assert_eq!(said(client, &servers, &[WWW, "A"]).await.answer[0].ttl, ttl, "{client}");
        }
    }
}
