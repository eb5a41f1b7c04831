"""Asks a lab's Route 53 by boto3, as any tool that is written with it would.

    conformance.py ZONE CHECK OTHER_CHECK

The zone has a failover pair at `www`; CHECK and OTHER_CHECK are its checks. Endpoint, region and credentials come from
the environment.
"""

import sys
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ZONE, CHECK, OTHER_CHECK = sys.argv[1:]
DEADLINE = 60

# Five requests a second are soon used up, and the default gives up after four more tries.
route53 = boto3.client("route53", config=Config(retries={"total_max_attempts": 12, "mode": "standard"}))
cloudwatch = boto3.client("cloudwatch", region_name="eu-west-1")


def sets(name, values=("127.0.9.1",), kind="A", ttl=60, **more):
    records = [{"Value": value} for value in values]
    return {"Name": f"{name}.clients.test", "Type": kind, "TTL": ttl, "ResourceRecords": records, **more}


def change(*changes):
    batch = [{"Action": action, "ResourceRecordSet": record_set} for action, record_set in changes]
    return route53.change_resource_record_sets(HostedZoneId=ZONE, ChangeBatch={"Changes": batch})["ChangeInfo"]


def refused(call, code, message=""):
    try:
        call()
    except ClientError as error:
        found = error.response["Error"]
        assert found["Code"] == code and message in found["Message"], f"{code} {message!r} expected: {found}"
    else:
        raise AssertionError(f"not refused: {code} {message!r} expected")


def until(what, ask):
    deadline = time.monotonic() + DEADLINE
    while not ask():
        assert time.monotonic() < deadline, f"{what}: not within {DEADLINE} s"
        time.sleep(0.5)


def answer(name, kind="A"):
    tested = route53.test_dns_answer(HostedZoneId=ZONE, RecordName=f"{name}.clients.test", RecordType=kind)
    return tested["ResponseCode"], tested["RecordData"]


def failover(role, name="pair", check=CHECK, **more):
    with_check = {"HealthCheckId": check} if check else {}
    return sets(name, SetIdentifier=role, Failover=role, **with_check, **more)


def weighted(identifier, weight=1, name="weighted", **more):
    return sets(name, SetIdentifier=identifier, Weight=weight, **more)


def batches_are_refused_with_codes_and_messages():
    change(("CREATE", failover("PRIMARY")), ("CREATE", weighted("one")), ("CREATE", sets("simple")))
    batch = "InvalidChangeBatch"
    for code, message, changes in [
        (batch, "failover RRSet with the same name, type and role already exists",
         [("CREATE", {**failover("PRIMARY"), "SetIdentifier": "another"})]),
        (batch, "A non-alias primary ResourceRecordSet must have an associated health check",
         [("CREATE", failover("PRIMARY", "bare", check=None))]),
        (batch, "cannot be created as a non-weighted set exists", [("CREATE", weighted("w", name="pair"))]),
        (batch, "cannot be created as other RRSets exist with the same name and type", [("CREATE", sets("pair"))]),
        (batch, "weighted sets must contain the same TTL", [("CREATE", weighted("two", ttl=30))]),
        ("InvalidInput", "maxInclusive '255'", [("CREATE", weighted("heavy", 300))]),
        (batch, "ARRDATAIllegalIPv4Address", [("CREATE", sets("bad", ["1.2.3"]))]),
        (batch, "AAAARRDATAIllegalIPv6Address", [("CREATE", sets("bad", ["1.2.3.4"], "AAAA"))]),
        (batch, "is not permitted in zone clients.test.", [("CREATE", {**sets("x"), "Name": "x.elsewhere.test"})]),
        (batch, "but it already exists", [("CREATE", sets("simple"))]),
        (batch, "but it was not found", [("DELETE", sets("nothing"))]),
        (batch, "values provided do not match the current values", [("DELETE", sets("simple", ["127.0.9.9"]))]),
        ("NoSuchHealthCheck", "", [("CREATE", failover("PRIMARY", "lost", check="00000000-no-such-check"))]),
        (batch, "Number of records limit of 1000 exceeded",
         [("UPSERT", sets(f"many{n}", [f"127.{n}.{i // 250}.{i % 250}" for i in range(101)])) for n in range(5)]),
        (batch, "Number of characters limit of 32000 exceeded",
         [("CREATE", sets(f"long{n}", [f'"{"x" * 250}"'], "TXT")) for n in range(128)]),
        (batch, "limit of 400 exceeded", [("CREATE", sets("wide", [f"127.1.{i // 250}.{i % 250}" for i in range(401)]))]),
        ("InvalidInput", "Missing field 'SetIdentifier'", [("CREATE", sets("x", Weight=1))]),
    ]:
        refused(lambda: change(*changes), code, message)
    both = [("CREATE", sets("fine")), ("CREATE", sets("simple"))]
    refused(lambda: change(*both), batch)
    refused(lambda: change(("DELETE", sets("fine"))), batch, "but it was not found")


def a_change_is_pending_until_the_waiter_sees_it():
    made = change(("CREATE", sets("waited", ["127.0.9.2"])))
    assert made["Status"] == "PENDING", made
    assert answer("waited") == ("NXDOMAIN", []), "accepted, and not yet answered"
    waiter = route53.get_waiter("resource_record_sets_changed")
    waiter.wait(Id=made["Id"], WaiterConfig={"Delay": 1, "MaxAttempts": DEADLINE})
    assert answer("waited") == ("NOERROR", ["127.0.9.2"])
    assert answer("waited", "TXT") == ("NOERROR", [])


def every_page_is_seen_once():
    change(*[("CREATE", sets(f"page{n:03}")) for n in range(350)])
    paginator = route53.get_paginator("list_resource_record_sets")
    names = {}
    for size in ["7", "100", "300"]:
        pages = list(paginator.paginate(HostedZoneId=ZONE, PaginationConfig={"PageSize": int(size)}))
        found = [(each["Name"], each["Type"], each.get("SetIdentifier")) for page in pages for each in page["ResourceRecordSets"]]
        assert len(found) == len(set(found)) >= 350, f"{len(found)} sets, {len(set(found))} different"
        assert all(len(page["ResourceRecordSets"]) <= int(size) for page in pages)
        names[size] = found
    assert names["7"] == names["100"] == names["300"]
    for operation, key in [("list_hosted_zones", "HostedZones"), ("list_health_checks", "HealthChecks")]:
        one_by_one = route53.get_paginator(operation).paginate(PaginationConfig={"PageSize": 1})
        ids = [item["Id"] for page in one_by_one for item in page[key]]
        assert len(ids) == len(set(ids)) >= 2, f"{operation}: {ids}"
        assert sorted(ids) == sorted(item["Id"] for item in getattr(route53, operation)()[key])
    first = route53.list_hosted_zones_by_name(MaxItems="1")
    assert first["IsTruncated"], first
    second = route53.list_hosted_zones_by_name(DNSName=first["NextDNSName"], HostedZoneId=first["NextHostedZoneId"])
    by_name = [zone["Name"] for zone in first["HostedZones"] + second["HostedZones"]]
    assert by_name == sorted(by_name), by_name


def a_check_is_kept_whole():
    def config(check):
        return route53.get_health_check(HealthCheckId=check)["HealthCheck"]["HealthCheckConfig"]

    given = {
        "Type": "HTTPS_STR_MATCH", "FullyQualifiedDomainName": "www.clients.test", "Port": 8443, "ResourcePath": "/a?b=c&d",
        "SearchString": "<all> & well", "RequestInterval": 10, "FailureThreshold": 5, "MeasureLatency": True,
        "Inverted": True, "Disabled": True, "EnableSNI": False, "Regions": ["us-east-1", "eu-west-1", "sa-east-1"],
    }
    made = route53.create_health_check(CallerReference="whole", HealthCheckConfig=given)["HealthCheck"]
    whole = config(made["Id"])
    assert whole == given, whole
    refused(lambda: route53.create_health_check(CallerReference="whole", HealthCheckConfig={**given, "Port": 1}),
            "HealthCheckAlreadyExists")
    update = route53.update_health_check
    update(HealthCheckId=made["Id"], HealthCheckVersion=1, Inverted=False, Disabled=False)
    refused(lambda: update(HealthCheckId=made["Id"], HealthCheckVersion=1, Port=1), "HealthCheckVersionMismatch")
    update(HealthCheckId=made["Id"], HealthCheckVersion=2, ResetElements=["Regions", "ResourcePath"])
    wanted = {**given, "Inverted": False, "Disabled": False}
    del wanted["Regions"], wanted["ResourcePath"]
    assert config(made["Id"]) == wanted, config(made["Id"])

    children = [CHECK, OTHER_CHECK, made["Id"]]
    calculated = {"Type": "CALCULATED", "HealthThreshold": 2, "ChildHealthChecks": children, "Inverted": False}
    parent = route53.create_health_check(CallerReference="parent", HealthCheckConfig=calculated)["HealthCheck"]["Id"]
    assert set(config(parent)["ChildHealthChecks"]) == set(children), config(parent)
    refused(lambda: route53.delete_health_check(HealthCheckId=made["Id"]), "InvalidInput", "calculated health check")
    refused(lambda: route53.get_health_check_status(HealthCheckId=parent), "InvalidInput")
    nested = {**calculated, "ChildHealthChecks": [parent]}
    refused(lambda: route53.create_health_check(CallerReference="nested", HealthCheckConfig=nested), "InvalidInput")
    for check in [parent, made["Id"]]:
        route53.delete_health_check(HealthCheckId=check)
    refused(lambda: route53.get_health_check(HealthCheckId=parent), "NoSuchHealthCheck")


def checkers_tell_what_they_saw():
    def reports():
        return route53.get_health_check_status(HealthCheckId=CHECK)["HealthCheckObservations"]

    until("sixteen checkers to have looked", lambda: len(reports()) == 16)
    assert all(seen["StatusReport"]["Status"].startswith("Success") for seen in reports()), reports()
    assert {seen["Region"] for seen in reports()} >= {"us-east-1", "eu-west-1"}
    nowhere = {"Type": "TCP", "IPAddress": "127.0.9.254", "Port": 9, "RequestInterval": 10, "FailureThreshold": 1}
    failing = route53.create_health_check(CallerReference="nowhere", HealthCheckConfig=nowhere)["HealthCheck"]["Id"]

    def failures():
        last = route53.get_health_check_last_failure_reason(HealthCheckId=failing)["HealthCheckObservations"]
        return [seen["StatusReport"]["Status"] for seen in last]

    until("a failure", failures)
    assert all(status.startswith("Failure: ") for status in failures()), failures()
    route53.delete_health_check(HealthCheckId=failing)


def a_metric_check_follows_data_and_not_the_alarms_state():
    def alarm(name, **more):
        settings = {
            "AlarmName": name, "Namespace": "Clients", "MetricName": "Errors", "Statistic": "Maximum", "Period": 60,
            "EvaluationPeriods": 1, "Threshold": 5.0, "ComparisonOperator": "GreaterThanThreshold",
            "Dimensions": [{"Name": "Service", "Value": "clients"}], **more,
        }
        cloudwatch.put_metric_alarm(**settings)
        follows = {
            "Type": "CLOUDWATCH_METRIC", "AlarmIdentifier": {"Region": "eu-west-1", "Name": name},
            "InsufficientDataHealthStatus": "Healthy", "Inverted": False,
        }
        return lambda: route53.create_health_check(CallerReference=name, HealthCheckConfig=follows)["HealthCheck"]

    refused(alarm("high-resolution", Period=10), "InvalidInput", "high-resolution")
    refused(alarm("m-of-n", EvaluationPeriods=3, DatapointsToAlarm=2), "InvalidInput", "M out of N")
    made = alarm("errors")()
    copied = made["CloudWatchAlarmConfiguration"]
    assert (copied["Threshold"], copied["Statistic"], copied["Period"]) == (5.0, "Maximum", 60), copied
    assert copied["Dimensions"] == [{"Name": "Service", "Value": "clients"}], copied
    change(
        ("CREATE", failover("PRIMARY", "metric", check=made["Id"])),
        ("CREATE", {**failover("SECONDARY", "metric", check=None), "ResourceRecords": [{"Value": "127.0.9.3"}]}),
    )
    primary, secondary = ("NOERROR", ["127.0.9.1"]), ("NOERROR", ["127.0.9.3"])
    until("the pair to be answered", lambda: answer("metric") == primary)
    cloudwatch.set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="by hand")
    # What the alarm was made into later means nothing: the check keeps its copy.
    cloudwatch.put_metric_alarm(
        AlarmName="errors", Namespace="Clients", MetricName="Other", Statistic="Maximum", Period=60, EvaluationPeriods=1,
        Threshold=99.0, ComparisonOperator="GreaterThanThreshold",
    )
    datum = {"MetricName": "Errors", "Dimensions": [{"Name": "Service", "Value": "clients"}], "Value": 9.0}
    cloudwatch.put_metric_data(Namespace="Clients", MetricData=[{**datum, "Dimensions": []}])
    for _ in range(6):
        time.sleep(1)
        assert answer("metric") == primary, "neither the alarm's state nor other dimensions count"
    cloudwatch.put_metric_data(Namespace="Clients", MetricData=[datum])
    until("the data to turn the check", lambda: answer("metric") == secondary)
    cloudwatch.set_alarm_state(AlarmName="errors", StateValue="OK", StateReason="by hand")
    time.sleep(4)
    assert answer("metric") == secondary, "SetAlarmState does nothing"


def more_than_five_requests_a_second_are_throttled():
    hasty = boto3.client("route53", config=Config(retries={"total_max_attempts": 1}))

    def hurry():
        for _ in range(200):
            hasty.get_hosted_zone(Id=ZONE)

    refused(hurry, "Throttling", "Rate exceeded")
    patient = boto3.client("route53", config=Config(retries={"total_max_attempts": 10, "mode": "adaptive"}))
    for _ in range(40):
        patient.get_hosted_zone(Id=ZONE)


for test in [
    batches_are_refused_with_codes_and_messages,
    a_change_is_pending_until_the_waiter_sees_it,
    every_page_is_seen_once,
    a_check_is_kept_whole,
    checkers_tell_what_they_saw,
    a_metric_check_follows_data_and_not_the_alarms_state,
    more_than_five_requests_a_second_are_throttled,
]:
    started = time.monotonic()
    try:
        test()
    except Exception:
        print(f"{test.__name__} failed", file=sys.stderr, flush=True)
        raise
    print(f"{test.__name__}: {time.monotonic() - started:.1f} s", file=sys.stderr, flush=True)
