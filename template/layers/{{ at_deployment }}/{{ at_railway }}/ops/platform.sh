# shellcheck shell=sh
# Railway's command line and API for the scripts in this folder. Source it after lib.sh.

# shellcheck disable=SC2034 # api is for the scripts too
api=${RAILWAY_API_URL:-https://backboard.railway.com/graphql/v2}

need_railway() {
    need railway jq
    [ -n "${RAILWAY_TOKEN:-}${RAILWAY_API_TOKEN:-}" ] || die 3 "the variable RAILWAY_TOKEN is not set"
}

# deployments APP ENV: prints the newest deployments, newest first, as id, status, version and url.
deployments() {
    listed=$(railway deployment list --service "$1" --environment "$2" --limit 100 --json) ||
        die 4 "Railway does not list $1 in $2: create it first with railway config apply --yes"
    # What is uploaded carries its commit in the message, what comes from a push in commitHash.
    printf '%s' "$listed" | jq -c '[.[] | {id, status, url: (.url? // .staticUrl? // ""),
        version: (.meta.commitHash? // .meta.cliMessage? // .id)}]' || die 4 "Railway did not answer with a list of deployments"
}

# graphql QUERY ID: prints the data of the answer, or dies with 4 and what Railway said.
graphql() {
    need curl jq
    need_var RAILWAY_API_TOKEN
    # The token goes in on stdin: arguments are visible to every process of the machine.
    answer=$(
        printf 'header = "Authorization: Bearer %s"\n' "$RAILWAY_API_TOKEN" |
            curl --config - --silent --show-error --fail --max-time 30 --header 'Content-Type: application/json' \
                --data "$(jq -cn --arg query "$1" --arg id "$2" '{query: $query, variables: {id: $id}}')" "$api"
    ) || die 4 "Railway's API refused the request or cannot be reached at $api"
    printf '%s' "$answer" | jq -e '(.errors // []) == []' >/dev/null ||
        die 4 "Railway refused: $(printf '%s' "$answer" | jq -r '.errors[0].message' 2>/dev/null || printf '%s' "$answer")"
    printf '%s' "$answer" | jq -c .data
}

# wait_for_deployment APP ENV ID: returns when it serves.
wait_for_deployment() {
    start_clock "${DEPLOY_TIMEOUT:-1200}"
    while :; do
        state=$(deployments "$1" "$2")
        state=$(printf '%s' "$state" | jq -r --arg id "$3" 'first(.[] | select(.id == $id) | .status) // "UNKNOWN"')
        case $state in
        SUCCESS) return 0 ;;
        FAILED | CRASHED | REMOVED | REMOVING | SKIPPED) die 4 "deployment $3 ended as $state; see railway logs $3" ;;
        esac
        say "deployment $3: $state"
        wait_or_die "${POLL_SECONDS:-5}" "deployment $3 is still $state"
    done
}
