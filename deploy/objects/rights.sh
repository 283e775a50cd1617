#!/bin/sh
# Gives each program its own login at the object store (Versity S3 Gateway) and the rights of policy.json.
# It can be repeated, and passwords follow the environment. Secrets reach curl on its standard input: no argument, which
# other processes could read, contains one.
set -eu

: "${ENDPOINT:?}" "${REGION:?}" "${BUCKET:?}" "${ROOT_ACCESS_KEY:?}" "${ROOT_SECRET_KEY:?}"
policy=${POLICY:-/policy.json}

# request METHOD PATH BODY: prints the status of the answer.
request() {
  digest=$(printf %s "$3" | sha256sum | cut -d ' ' -f 1)
  {
    printf 'user = "%s:%s"\nrequest = "%s"\nurl = "%s%s"\n' "$ROOT_ACCESS_KEY" "$ROOT_SECRET_KEY" "$1" "$ENDPOINT" "$2"
    printf 'data-binary = "%s"\n' "$(printf %s "$3" | sed 's/["\\]/\\&/g')"
  } | curl --config - --aws-sigv4 "aws:amz:$REGION:s3" --header "X-Amz-Content-Sha256: $digest" \
    --header "Content-Type: application/octet-stream" --silent --show-error --max-time 30 --output /dev/null \
    --write-out '%{http_code}'
}

# expect WHAT STATUS ALLOWED...: ends with an error unless the status is one of those allowed.
expect() {
  what=$1 status=$2
  shift 2
  for allowed; do [ "$status" = "$allowed" ] && return; done
  echo "error: $what: the object store answered $status" >&2
  exit 1
}

# login NAME SECRET: creates the user, or renews its secret.
login() {
  expect "creating $1" "$(request PATCH /create-user \
    "<Account><Access>$1</Access><Secret>$2</Secret><Role>user</Role></Account>")" 201 409
  expect "renewing the secret of $1" "$(request PATCH "/update-user?access=$1" \
    "<MutableProps><Secret>$2</Secret></MutableProps>")" 200
}

login analysis "${ANALYSIS_SECRET_KEY:?}"
login maintenance "${MAINTENANCE_SECRET_KEY:?}"
login backup "${BACKUP_SECRET_KEY:?}"
expect "setting the policy of $BUCKET" "$(request PUT "/$BUCKET?policy=" "$(tr -d '\n' < "$policy")")" 200 204
echo "analysis, maintenance and backup have their logins and rights at $BUCKET"
