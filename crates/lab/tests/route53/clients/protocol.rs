//! Flags, EDNS, truncation, and a load.

use super::*;

const WWW: &str = "www.example.com";

fn text(owner: &str, records: usize) -> RecordSet {
    let values: Vec<String> = (0..records).map(|number| format!("\"{number:0>90}\"")).collect();
    set(owner, RecordType::Txt, &values.iter().map(String::as_str).collect::<Vec<_>>())
}

#[tokio::test]
async fn answers_are_authoritative_and_recursion_is_not_to_be_had() {
    let servers = serving([a(WWW, "192.0.2.1")], &[]).await;
    for client in clients() {
        for recursion in ["+recurse", "+norecurse"] {
            let said = said(client, &servers, &[recursion, "wWw.ExAmPlE.com", "A"]).await;
            assert!(said.has("qr") && said.has("aa"), "{client}: {}", said.whole);
            assert!(!said.has("ra") && !said.has("tc") && !said.has("ad"), "{client}: {}", said.whole);
            assert_eq!(said.has("rd"), recursion == "+recurse", "{client}: {}", said.whole);
            // kdig shows names in lower case.
            let shown = if client == "dig" { "wWw.ExAmPlE.com." } else { "www.example.com." };
            assert_eq!(said.answer[0].name, shown, "{client} finds its own writing");
        }
        let outside = said(client, &servers, &["example.org", "A"]).await;
        assert_eq!(outside.status, "REFUSED", "{client}");
        assert!(!outside.has("aa"), "{client}: {}", outside.whole);
    }
}

#[tokio::test]
async fn edns_is_answered_with_edns_and_only_then() {
    let servers = serving([a(WWW, "192.0.2.1")], &[]).await;
    for client in clients() {
        let with = said(client, &servers, &["+edns=0", WWW, "A"]).await;
        assert!(with.whole.contains("1232") && with.status == "NOERROR", "{client}: {}", with.whole);
        let without = said(client, &servers, &["+noedns", WWW, "A"]).await;
        assert!(
            !without.whole.contains("EDNS: ") && !without.whole.contains("EDNS PSEUDO"),
            "{client}: {}",
            without.whole
        );
        assert_eq!(without.data(), ["192.0.2.1"], "{client}");
    }
    if is_there("dig") {
        let newer = said("dig", &servers, &["+edns=1", "+noednsnegotiation", WWW, "A"]).await;
        assert_eq!((newer.status.as_str(), newer.answer.len()), ("BADVERS", 0), "{}", newer.whole);
        let notify = said("dig", &servers, &["+opcode=NOTIFY", WWW, "A"]).await;
        assert_eq!((notify.status.as_str(), notify.answer.len()), ("NOTIMP", 0), "{}", notify.whole);
    }
}

#[tokio::test]
async fn what_a_client_does_not_take_over_udp_it_gets_over_tcp() {
    let sets = [text("long.example.com", 6), text("longer.example.com", 13), text("longest.example.com", 500)];
    let servers = serving(sets, &[]).await;
    for client in clients() {
        for (owner, arguments, records) in [
            ("long.example.com", &["+edns=0", "+bufsize=1232"][..], 6),
            ("long.example.com", &["+noedns"], 0),
            ("long.example.com", &["+edns=0", "+bufsize=600"], 0),
            // We send no more than this, whatever the client takes.
            ("longer.example.com", &["+edns=0", "+bufsize=4096"], 0),
            ("longest.example.com", &["+tcp"], 500),
        ] {
            let arguments = [arguments, &["+ignore", owner, "TXT"]].concat();
            let said = said(client, &servers, &arguments).await;
            assert_eq!(said.has("tc"), records == 0, "{client} {arguments:?}: {}", said.whole);
            assert_eq!(said.answer.len(), records, "{client} {arguments:?}");
        }
        let again = said(client, &servers, &["longer.example.com", "TXT"]).await;
        assert_eq!((again.answer.len(), again.has("tc")), (13, false), "{client} asks again over TCP by itself");
    }
}

#[tokio::test]
async fn a_load_is_answered_whole() {
    if !is_there("dnsperf") {
        return;
    }
    let owner = |number: usize| format!("name-{number}.example.com");
    let pair = |number: usize| {
        let (one, two) = (a(&owner(number), "192.0.2.1"), a(&owner(number), "192.0.2.2"));
        if number.is_multiple_of(2) {
            [failover(Role::Primary, Some("p"), one), failover(Role::Secondary, None, two)]
        } else {
            [weighted(1, Some("p"), one), weighted(1, Some("s"), two)]
        }
    };
    let servers = serving((0..100).flat_map(pair), &["p"]).await;
    let queries: Vec<String> = (0..100).map(|number| owner(number) + " A").collect();
    let file = std::env::temp_dir().join(format!("pointsman-dnsperf-{}", std::process::id()));
    std::fs::write(&file, queries.join("\n")).unwrap();
    let server = servers.addresses()[0];
    let mut command = Command::new("dnsperf");
    command.args(["-s", &server.ip().to_string(), "-p", &server.port().to_string(), "-n", "20", "-c", "4"]);
    let load = command.arg("-d").arg(&file).kill_on_drop(true).output();
    let output = timeout(DEADLINE, load).await.unwrap().unwrap();
    std::fs::remove_file(&file).unwrap();
    let told = String::from_utf8_lossy(&output.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    for expected in ["Queries sent: 2000", "Queries lost: 0 (0.00%)", "Response codes: NOERROR 2000 (100.00%)"] {
        assert!(told.contains(expected), "{told}");
    }
}
