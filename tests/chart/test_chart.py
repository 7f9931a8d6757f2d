"""What the chart renders, beside the gateway that is built here: scripts/chart has the other checks."""
import base64
import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest
import yaml

ROOT = pathlib.Path(os.environ["SLUICE_SOURCE"])
CHART = ROOT / "helm" / "sluice"
EXAMPLES = sorted((CHART / "examples").glob("*.yaml"))
KUBERNETES = "1.36.0"
# Of RFC 7515, A.3.
PUBLIC_KEY = {"kty": "EC", "crv": "P-256", "use": "sig", "kid": "k", "alg": "ES256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
              "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}
METRIC = re.compile(r"\b(sluice_[a-z_]+|process_[a-z_]+)\b")


def tool(name):
    """As scripts/chart finds it."""
    path = os.pathsep.join([os.environ.get("PATH", ""), str(ROOT / "build" / "tools" / "bin")])
    return shutil.which(os.environ.get(name.upper(), name), path=path)


needs_helm = pytest.mark.skipif(tool("helm") is None, reason="helm is not there")


def rendered(example, *settings):
    """The objects of a release "sluice" in "mqtt"."""
    command = [tool("helm"), "template", "sluice", CHART, "--kube-version", KUBERNETES, "--namespace", "mqtt", "--values", example]
    for setting in settings:
        command += ["--set", setting]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return [item for item in yaml.safe_load_all(done.stdout) if item]


def render(example, *settings):
    """The same by kind and name."""
    return {(item["kind"], item["metadata"]["name"]): item for item in rendered(example, *settings)}


def checksum(*settings):
    pod = render(CHART / "examples" / "shared.yaml", *settings)["StatefulSet", "sluice"]["spec"]["template"]
    return pod["metadata"]["annotations"]["checksum/config"]


def certificate(folder):
    """A key and a certificate, which is its own CA."""
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
               "-subj", "/CN=test", "-keyout", folder / "tls.key", "-out", folder / "tls.crt"]
    subprocess.run(command, check=True, capture_output=True, timeout=30)
    return folder / "tls.crt", folder / "tls.key"


@needs_helm
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_the_gateway_accepts_the_configuration_of_each_example(tmp_path, example):
    objects = render(example)
    pod = objects["StatefulSet", "sluice"]["spec"]["template"]["spec"]
    # The files that the pod would have, by what it mounts: a path that nothing is mounted to is missed.
    secrets = tmp_path / "secrets"
    cert, key = certificate(tmp_path)
    jwks = tmp_path / "jwks.json"
    jwks.write_text(json.dumps({"keys": [PUBLIC_KEY]}))
    for volume in pod["volumes"]:
        for source in volume.get("projected", {}).get("sources", []):
            for item in (source.get("secret") or source["configMap"])["items"]:
                file = secrets / item["path"]
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes({".key": key, ".json": jwks}.get(file.suffix, cert).read_bytes())
    text = objects["ConfigMap", "sluice"]["data"]["sluice.yaml"].replace("/etc/sluice/secrets", str(secrets))
    config = tmp_path / "sluice.yaml"
    config.write_text(text)
    named = {entry["name"]: "sluice-0" for entry in pod["containers"][0]["env"]}

    done = subprocess.run([pathlib.Path(os.environ["SLUICE_BIN"]) / "sluice-gateway", "--config", config, "--check"], check=False,
                          capture_output=True, text=True, timeout=30, env=named)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "permissions" not in done.stdout + done.stderr, "its rules reach somebody, and each chain has one"


@needs_helm
def test_workers_of_the_examples_show_what_the_rules_ask_for():
    """The names in the rules are those of the Deployments' accounts and certificates beside them."""
    tokens = render(CHART / "examples" / "tokens.yaml")
    gateway = yaml.safe_load(tokens["ConfigMap", "sluice"]["data"]["sluice.yaml"])
    pod = tokens["Deployment", "temperature"]["spec"]["template"]["spec"]
    [volume] = [each["projected"] for each in pod["volumes"] if "projected" in each]
    [token] = [source["serviceAccountToken"] for source in volume["sources"]]
    arguments = pod["containers"][0]["args"]
    [mount] = [each["mountPath"] for each in pod["containers"][0]["volumeMounts"] if each["name"] == "token"]
    assert [f"sub:system:serviceaccount:mqtt:{pod['serviceAccountName']}"] == gateway["permissions"][0]["who"]
    assert ("ServiceAccount", pod["serviceAccountName"]) in tokens
    assert [token["audience"]] == gateway["workers"]["auth"]["jwt"][0]["audiences"]
    assert arguments[arguments.index("--token-file") + 1] == f"{mount}/{token['path']}"

    certificates = render(CHART / "examples" / "tls.yaml")
    gateway = yaml.safe_load(certificates["ConfigMap", "sluice"]["data"]["sluice.yaml"])
    spec = certificates["Certificate", "temperature-worker"]["spec"]
    assert spec["uris"] == gateway["permissions"][0]["who"]
    assert spec["usages"] == ["client auth"]


@needs_helm
def test_only_a_change_that_matters_to_running_gateways_rolls_them():
    three = checksum()

    assert checksum("replicaCount=5") == three, "scaling restarts nobody"
    assert checksum("replicaCount=1") != three, "the last one must know that it is alone"
    assert checksum("config.journal.fsync=always") != three


@needs_helm
def test_gateways_that_watch_are_rolled_only_for_what_cannot_change_in_place():
    def watched(*settings):
        return checksum("reload=watch", *settings)

    before = watched()
    for setting in ("config.connections.plant.keepAlive=20s", "config.chains.c.lease=1m", "config.chainDefaults.maxAttempts=9", "config.deadLetters.maxMessages=7",
                    "config.pressure.high=80", "config.shutdown.drain=50s", "config.log.level=debug", "config.replies.allow={out/#}",
                    "replicaCount=1"):
        assert watched(setting) == before, setting
    for setting in ("config.journal.fsync=always", "config.log.format=text", "config.replies.onRefused=drop",
                    "config.maxTemplateChains=7"):
        assert watched(setting) != before, setting


@needs_helm
def test_no_two_objects_have_one_name():
    for example in EXAMPLES:
        named = [(item["kind"], item["metadata"]["name"]) for item in rendered(example)]
        assert len(named) == len(set(named)), example


def test_the_chart_has_the_version_of_the_gateway():
    project = re.search(r"project\(sluice VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text())[1]
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())

    assert chart["appVersion"] == project


def test_the_chart_asks_for_a_unit_of_every_duration_that_the_gateway_reads():
    listed = re.search(r'define "sluice.durations" -}}\n(.*?)\n{{- end', (CHART / "templates" / "_validate.tpl").read_text(), re.S)[1]
    reference = (ROOT / "docs" / "configuration.md").read_text()
    read = re.findall(r"^\| `(\w+)` \| a duration (?!.*or a number of seconds)", reference, re.M)

    assert sorted(listed.split()) == sorted({key.lower() for key in read})


def test_the_icon_is_the_one_of_the_repository():
    icon = yaml.safe_load((CHART / "Chart.yaml").read_text())["icon"]

    assert base64.b64decode(icon.partition(",")[2]) == (CHART / "icon.svg").read_bytes()


def dashboard():
    return json.loads((CHART / "files" / "dashboard.json").read_text())


def panels():
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def asked(panel):
    return [target["expr"] for target in panel["targets"]]


def alerts():
    rules = yaml.safe_load((CHART / "files" / "rules.yaml").read_text())
    return [rule for group in rules["groups"] for rule in group["rules"]]


def test_every_alert_has_a_panel_that_shows_what_it_is_about():
    shown = {re.sub("_total$", "", name) for panel in panels() for expr in asked(panel) for name in METRIC.findall(expr)}

    for alert in alerts():
        names = {re.sub("_total$", "", name) for name in METRIC.findall(alert["expr"])}
        assert names <= shown, alert["alert"]


def test_panels_show_the_gateways_that_are_chosen_and_nothing_else():
    variables = [variable["name"] for variable in dashboard()["templating"]["list"] if variable["type"] == "query"]
    chosen = "{" + ",".join(f'{name}=~"${name}"' for name in variables) + "}"
    for panel in panels():
        for expr in asked(panel):
            assert all(expr[name.end():].startswith(chosen) for name in METRIC.finditer(expr)), panel["title"]
            # Every program has process_…: they are Sluice's only beside one of Sluice's own metrics.
            assert "process_" not in expr or " and on (" in expr and "sluice_build_info" in expr, panel["title"]


def test_every_number_says_from_when_on_it_is_bad():
    """Grafana's own choice is red from 80 on, whatever is counted."""
    for panel in panels():
        assert panel["type"] != "stat" or panel["fieldConfig"]["defaults"]["thresholds"]["steps"], panel["title"]


def test_every_series_of_an_alert_has_braces():
    """The chart puts its release's labels there: one without would alert for other releases, too."""
    for alert in alerts():
        assert not re.search(r"sluice_[a-z_]+(?![a-z_{])", alert["expr"]), alert["alert"]


def test_panels_do_not_lie_upon_each_other():
    taken = set()
    for panel in dashboard()["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24, panel["title"]
        taken |= cells
