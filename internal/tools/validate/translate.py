"""Prints the CloudFormation that AWS makes of a SAM template.

The SAM transform needs code in S3 and asks IAM for the ARNs of managed
policies; neither matters here, so both are stand-ins.
"""

import json
import os
import sys

os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")

from samtranslator.public.translator import ManagedPolicyLoader  # noqa: E402
from samtranslator.translator.transform import transform  # noqa: E402
from samtranslator.yaml_helper import yaml_parse  # noqa: E402


class Policies:
    """Stands in for the IAM client: no managed policy is looked up by name."""

    def get_paginator(self, _operation):
        return self

    def paginate(self, **_query):
        return []


def main(path):
    with open(path, encoding="utf-8") as file:
        template = yaml_parse(file.read())
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::Serverless::Function":
            properties["CodeUri"] = "s3://bucket/key"
        if resource["Type"] == "AWS::Serverless::StateMachine":
            properties["DefinitionUri"] = "s3://bucket/key"
    json.dump(transform(template, {}, ManagedPolicyLoader(Policies())), sys.stdout, indent=1)


main(sys.argv[1])
