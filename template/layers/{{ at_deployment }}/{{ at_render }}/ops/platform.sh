# shellcheck shell=sh
# Render's API for the scripts in this folder. Source it after lib.sh.

# shellcheck disable=SC2034 # api is for the scripts too
api=${RENDER_API_URL:-https://api.render.com/v1}

# render METHOD PATH [JSON]: prints the answer, or dies with 4 and what Render said.
render() {
    need curl jq
    need_var RENDER_API_KEY
    # The key goes in on stdin: arguments are visible to every process of the machine.
    answer=$(
        printf 'header = "Authorization: Bearer %s"\n' "$RENDER_API_KEY" |
            curl --config - --silent --show-error --max-time 30 --request "$1" --header 'Accept: application/json' \
                ${3:+--header 'Content-Type: application/json' --data "$3"} --write-out '%{http_code}' "$api$2"
    ) || die 4 "Render cannot be reached at $api"
    body=${answer%???}
    status=${answer#"$body"}
    case $status in
    2??) printf '%s\n' "$body" ;;
    *) die 4 "Render refused $1 $2 with $status: $(printf '%s' "$body" | jq -r '.message? // .' 2>/dev/null || printf '%s' "$body")" ;;
    esac
}

# find_service APP: prints the service, or says how to create it.
find_service() {
    found=$(render GET "/services?name=$1&type=web_service&limit=20")
    found=$(printf '%s' "$found" | jq -c --arg name "$1" 'first(.[].service | select(.name == $name)) // empty')
    [ -n "$found" ] || die 4 "Render has no web service $1: create it from render.yaml with New > Blueprint in https://dashboard.render.com"
    [ "$(printf '%s' "$found" | jq -r .suspended)" != suspended ] || die 4 "$1 is suspended on Render: resume it first"
    printf '%s\n' "$found"
}

# wait_for_deploy SERVICE_ID DEPLOY_ID: returns when it is live.
wait_for_deploy() {
    start_clock "${DEPLOY_TIMEOUT:-1200}"
    while :; do
        deploy=$(render GET "/services/$1/deploys/$2")
        deploy_status=$(printf '%s' "$deploy" | jq -r .status)
        case $deploy_status in
        live) return 0 ;;
        build_failed | update_failed | pre_deploy_failed | canceled | deactivated)
            die 4 "deploy $2 ended as $deploy_status; its log is in the Dashboard"
            ;;
        esac
        say "deploy $2: $deploy_status"
        wait_or_die "${POLL_SECONDS:-5}" "deploy $2 is still $deploy_status"
    done
}
