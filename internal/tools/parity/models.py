#!/usr/bin/env python3
"""Writes internal/localaws/shapes/testdata from botocore's service models: of
the operations that the local stack has, what answers and errors look like.

    build/parity/moto/bin/python internal/tools/parity/models.py
"""
import gzip
import json
import pathlib
import sys

import botocore

OPERATIONS = {
    "dynamodb": "BatchGetItem BatchWriteItem CreateTable DeleteItem DeleteTable DescribeTable DescribeTimeToLive GetItem ListTables PutItem Query Scan"
    " TransactGetItems TransactWriteItems UpdateItem UpdateTimeToLive",
    "kms": "CreateAlias CreateKey Decrypt DescribeKey Encrypt GenerateDataKey",
    "lambda": "GetFunction GetFunctionConfiguration Invoke ListFunctions",
    "s3": "CreateBucket DeleteObject DeleteObjects GetObject HeadBucket HeadObject ListBuckets ListObjectsV2 PutObject",
    "scheduler": "CreateSchedule DeleteSchedule GetSchedule ListSchedules UpdateSchedule",
    "secretsmanager": "CreateSecret DeleteSecret DescribeSecret GetSecretValue ListSecrets PutSecretValue RestoreSecret UpdateSecret UpdateSecretVersionStage",
    "sqs": "ChangeMessageVisibility ChangeMessageVisibilityBatch CreateQueue DeleteMessage DeleteMessageBatch DeleteQueue GetQueueAttributes GetQueueUrl"
    " ListMessageMoveTasks ListQueues PurgeQueue ReceiveMessage SendMessage SendMessageBatch SetQueueAttributes StartMessageMoveTask",
    "stepfunctions": "CreateStateMachine DeleteStateMachine DescribeExecution DescribeMapRun DescribeStateMachine GetExecutionHistory ListExecutions ListMapRuns"
    " ListStateMachines RedriveExecution SendTaskFailure SendTaskHeartbeat SendTaskSuccess StartExecution StopExecution UpdateStateMachine"
    " ValidateStateMachineDefinition",
}
OF_SHAPES = "type required enum timestampFormat payload flattened union exception".split()
OF_MEMBERS = "shape location locationName flattened timestampFormat".split()


def member(m):
    return {k: m[k] for k in OF_MEMBERS if k in m}


def shape(s):
    out = {k: s[k] for k in OF_SHAPES if k in s}
    for k in ("member", "key", "value"):
        if k in s:
            out[k] = member(s[k])
    if "members" in s:
        out["members"] = {name: member(m) for name, m in s["members"].items()}
    if "code" in s.get("error", {}):
        out["code"] = s["error"]["code"]
    return out


def trimmed(service):
    folder = max((pathlib.Path(botocore.__file__).parent / "data" / service).iterdir())
    model = json.loads(gzip.decompress((folder / "service-2.json.gz").read_bytes()))
    operations, shapes = {}, {}

    def keep(name):
        if name in shapes:
            return
        shapes[name] = shape(model["shapes"][name])
        for m in [*shapes[name].get("members", {}).values(), *(shapes[name][k] for k in ("member", "key", "value") if k in shapes[name])]:
            keep(m["shape"])

    for name in OPERATIONS[service].split():
        o = model["operations"][name]
        operations[name] = {"output": o.get("output", {}).get("shape", ""), "errors": sorted(e["shape"] for e in o.get("errors", []))}
        for s in [operations[name]["output"], *operations[name]["errors"]]:
            if s:
                keep(s)
    return {
        "service": model["metadata"]["serviceId"], "version": folder.name, "protocol": model["metadata"]["protocol"],
        "operations": operations, "shapes": dict(sorted(shapes.items())),
    }


def text(model):
    """One line per operation and shape, so that a change can be read."""
    out = []
    for key, value in model.items():
        if isinstance(value, dict):
            lines = ",\n".join(f'  {json.dumps(k)}: {json.dumps(v, separators=(",", ":"), sort_keys=True)}' for k, v in value.items())
            out.append(f'{json.dumps(key)}: {{\n{lines}\n}}')
        else:
            out.append(f"{json.dumps(key)}: {json.dumps(value)}")
    return "{\n" + ",\n".join(out) + "\n}\n"


def main():
    folder = pathlib.Path(__file__).parents[3] / "internal/localaws/shapes/testdata"
    for service in OPERATIONS:
        model = trimmed(service)
        model["source"] = f"botocore {botocore.__version__}, Apache-2.0"
        (folder / f"{service}.json").write_text(text(model))


sys.exit(main())
