#!/usr/bin/env bash
# The real aws command against "sluice dev": a campaign runs, and the command
# looks at what it left. Needs curl, and Python 3 if there is no aws command;
# everything that is made or installed goes into build/parity.
set -euo pipefail
cd "$(dirname "$0")/../../.."
out=build/parity
mkdir -p "$out"

if ! aws=$(command -v aws); then
	want='awscli==1.45.11'
	if [ "$(cat "$out/awscli/installed" 2>/dev/null)" != "$want" ]; then
		rm -rf "$out/awscli"
		python3 -m venv "$out/awscli"
		"$out/awscli/bin/pip" install --quiet --disable-pip-version-check "$want"
		echo "$want" >"$out/awscli/installed"
	fi
	aws=$out/awscli/bin/aws
fi
go build -o "$out/sluice" ./cmd/sluice

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
base=http://127.0.0.1:$port
"$out/sluice" dev --listen "127.0.0.1:$port" --people 2000 --latency 0s >"$out/sluice.log" 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true' EXIT
for ((i = 0; ; i++)); do
	if (: >"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then break; fi
	if ! kill -0 "$server" 2>/dev/null || [ "$i" -ge 300 ]; then
		echo "awscli.sh: sluice dev does not answer on port $port; it says:" >&2
		tail -n 20 "$out/sluice.log" >&2
		exit 1
	fi
	sleep 0.2
done
export AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1 AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_PAGER= AWS_EC2_METADATA_DISABLED=true
unset AWS_PROFILE AWS_SESSION_TOKEN

# AWS_ENDPOINT_URL would do, but version 1 of the command does not use it for SQS.
cli() { "$aws" --endpoint-url "$base" "$@"; }

# check WHAT EXPECTED GOT: EXPECTED is a pattern of the shell.
check() {
	# shellcheck disable=SC2053
	if [[ $3 != $2 ]]; then
		echo "awscli.sh: $1: want $2, got $3" >&2
		exit 1
	fi
	echo "ok  $1"
}

# call METHOD PATH [BODY]: the product's API, as its user.
call() {
	curl --silent --show-error --fail-with-body -X "$1" -H 'Authorization: Bearer sk_practice' -H 'Content-Type: application/json' "$base/api/v1/prospecting/$2" ${3:+-d "$3"}
}

field() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }

icp=$(call POST icps @internal/cli/sample-icp.json | field id)
campaign=$(call POST campaigns '{"icpId":"'"$icp"'","name":"aws","platforms":["apollo","googleplaces"],"options":{"maxProspects":200}}' | field campaignId)
for ((i = 0; ; i++)); do
	status=$(call GET "campaigns/$campaign" | field status)
	[ "$status" = running ] || break
	if [ "$i" -ge 1200 ]; then
		echo "awscli.sh: the campaign still runs after ten minutes" >&2
		exit 1
	fi
	sleep 0.5
done
check "campaign" completed "$status"

tables=$(cli dynamodb list-tables --query 'length(TableNames)' --output text)
check "dynamodb list-tables" '[1-9]*' "$tables"
table=$(cli dynamodb list-tables --query "TableNames[?contains(@, 'rospects')] | [0]" --output text)
check "dynamodb describe-table" ACTIVE "$(cli dynamodb describe-table --table-name "$table" --query Table.TableStatus --output text)"
check "dynamodb scan with a limit" 3 "$(cli dynamodb scan --table-name "$table" --limit 3 --no-paginate --query Count --output text)"
key=$(cli dynamodb describe-table --table-name "$table" --query "Table.KeySchema[?KeyType=='HASH'].AttributeName | [0]" --output text)
item=$(cli dynamodb scan --table-name "$table" --limit 1 --no-paginate --query "Items[0].$key" --output json)
check "dynamodb query with a limit" 1 "$(cli dynamodb query --table-name "$table" --limit 1 --no-paginate --key-condition-expression '#k = :v' \
	--expression-attribute-names '{"#k":"'"$key"'"}' --expression-attribute-values '{":v":'"$item"'}' --query Count --output text)"

queue=$(cli sqs create-queue --queue-name awscli --query QueueUrl --output text)
cli sqs send-message --queue-url "$queue" --message-body hello --message-attributes '{"n":{"DataType":"Number","StringValue":"1"}}' >"$out/sent.json"
check "sqs receive-message" "hello	1" "$(cli sqs receive-message --queue-url "$queue" --attribute-names All --message-attribute-names All \
	--query 'Messages[0].[Body, Attributes.ApproximateReceiveCount]' --output text)"
check "sqs error" '*AWS.SimpleQueueService.NonExistentQueue*' "$(cli sqs get-queue-url --queue-name none 2>&1 || true)"

machine=$(cli stepfunctions list-state-machines --query "stateMachines[?contains(name, 'ampaign') || contains(name, 'un')] | [0].stateMachineArn" --output text)
execution=$(cli stepfunctions list-executions --state-machine-arn "$machine" --query 'executions[0].executionArn' --output text)
check "stepfunctions describe-execution" SUCCEEDED "$(cli stepfunctions describe-execution --execution-arn "$execution" --query status --output text)"
check "stepfunctions get-execution-history" "ExecutionStarted	ExecutionSucceeded" "$(cli stepfunctions get-execution-history --execution-arn "$execution" \
	--query '[events[0].type, events[-1].type]' --output text)"

secret=$(cli secretsmanager list-secrets --query 'SecretList[0].Name' --output text)
check "secretsmanager describe-secret" "*$secret*AWSCURRENT*" "$(cli secretsmanager describe-secret --secret-id "$secret" --query '[ARN, VersionIdsToStages]' --output json | tr -d '\n')"

bucket=$(cli s3api list-buckets --query 'Buckets[0].Name' --output text)
echo 0123456789 >"$out/object"
cli s3 cp --quiet "$out/object" "s3://$bucket/awscli"
cli s3 cp --quiet "s3://$bucket/awscli" "$out/object.back"
check "s3 cp there and back" 0123456789 "$(cat "$out/object.back")"
check "lambda list-functions" '[1-9]*' "$(cli lambda list-functions --query 'length(Functions)' --output text)"
