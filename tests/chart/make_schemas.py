"""Makes schemas for kubeconform, strict and without descriptions: tests/chart/make_schemas.py FILE [KIND…]

FILE is a CustomResourceDefinition, or the swagger.json of Kubernetes with the kinds that are wanted. What stands in schemas/ was
made from Kubernetes 1.36.3 (ConfigMap Deployment HorizontalPodAutoscaler NetworkPolicy PodDisruptionBudget Service
ServiceAccount StatefulSet), Prometheus Operator 0.93.0 (PodMonitor, PrometheusRule, ServiceMonitor), cert-manager 1.17.0
(Certificate) and KEDA 2.17.0 (ScaledObject).
"""
import json
import pathlib
import sys

import yaml

OUT = pathlib.Path(__file__).resolve().parent / "schemas"
KEPT = ("type", "enum", "pattern", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "required", "anyOf", "oneOf")
INT_OR_STRING = {"oneOf": [{"type": "string"}, {"type": "integer"}]}
QUANTITY = {"oneOf": [{"type": "string"}, {"type": "number"}]}


def strict(node, definitions=(), seen=()):
    if ref := node.get("$ref", "").rpartition("/")[2]:
        if ref.endswith("Quantity"):
            return QUANTITY
        return {} if ref in seen else strict(definitions[ref], definitions, (*seen, ref))
    if node.get("x-kubernetes-int-or-string") or node.get("format") == "int-or-string":
        return INT_OR_STRING
    if node.get("x-kubernetes-preserve-unknown-fields"):
        return {"type": node.get("type", "object")}
    made = {key: node[key] for key in KEPT if key in node}
    if "properties" in node:
        made["properties"] = {name: strict(child, definitions, seen) for name, child in node["properties"].items()}
        made["additionalProperties"] = False
    if isinstance(more := node.get("additionalProperties"), dict):
        made["additionalProperties"] = strict(more, definitions, seen)
    if "items" in node:
        made["items"] = strict(node["items"], definitions, seen)
    return made


def write(group, version, kind, schema):
    schema["type"] = "object"
    schema["properties"] |= {"apiVersion": {"enum": [f"{group}/{version}" if group else version]}, "kind": {"enum": [kind]}}
    schema["required"] = sorted({"apiVersion", "kind", "metadata", *schema.get("required", [])})
    suffix = f"{group.split('.')[0]}-{version}" if group else version
    (OUT / f"{kind.lower()}-{suffix}.json").write_text(json.dumps(schema, separators=(",", ":"), sort_keys=True) + "\n")


def main(source, *kinds):
    OUT.mkdir(exist_ok=True)
    text = pathlib.Path(source).read_text()
    if not kinds:
        spec = yaml.safe_load(text)["spec"]
        version = next(version for version in spec["versions"] if version["storage"])
        schema = strict(version["schema"]["openAPIV3Schema"])
        schema["properties"]["metadata"] = {"type": "object"}
        schema["required"] = ["spec"]
        write(spec["group"], version["name"], spec["names"]["kind"], schema)
        return
    definitions = json.loads(text)["definitions"]
    for name, definition in definitions.items():
        for made in definition.get("x-kubernetes-group-version-kind", []):
            stable = made["version"] in ("v1", "v2")
            if made["kind"] in kinds and stable and not (made["kind"] == "HorizontalPodAutoscaler" and made["version"] == "v1"):
                write(made["group"], made["version"], made["kind"], strict(definition, definitions, (name,)))


if __name__ == "__main__":
    main(*sys.argv[1:])
