# shellcheck shell=sh disable=SC2154 # lib.sh sets clock_end
# ECS for the scripts in this folder. Source it after lib.sh.
. "$(dirname "$0")/aws.sh"

# live APP: prints what the service runs, as described by ECS.
live() {
    live_answer=$(ask ecs describe-services --cluster "$1" --services "$1") || exit
    printf '%s' "$live_answer" | jq -ec '.services[] | select(.status == "ACTIVE")' ||
        die 4 "there is no service $1: apply terraform/environments first"
}

# network SERVICE: prints where the service's tasks run, for a task of the same kind.
network() {
    printf '%s' "$1" | jq -c '{awsvpcConfiguration: .networkConfiguration.awsvpcConfiguration}'
}

# release_of TASK_DEFINITION: prints the version that a task definition runs and whether it was ever live, as JSON.
release_of() {
    release_answer=$(ask ecs describe-task-definition --task-definition "$1" --include TAGS) || exit
    printf '%s' "$release_answer" | jq -c '{
        arn: .taskDefinition.taskDefinitionArn,
        version: (first(.taskDefinition.containerDefinitions[].environment[] | select(.name == "RELEASE") | .value) // "nothing"),
        live: any(.tags[]?; .key == "live" and .value == "true")}'
}

# releases APP: prints the revisions that deploys made, newest first, one ARN a line.
releases() {
    releases_answer=$(ask ecs list-task-definitions --family-prefix "$1" --sort DESC --max-items 20) || exit
    printf '%s' "$releases_answer" | jq -r --arg family "$1" '.taskDefinitionArns[] | select(test(":task-definition/" + $family + ":[0-9]+$"))'
}

# newest_deployment APP: prints the newest deployment of the service as JSON, or null.
newest_deployment() {
    newest_answer=$(ask ecs list-service-deployments --cluster "$1" --service "$1") || exit
    printf '%s' "$newest_answer" | jq -c '.serviceDeployments | sort_by(.createdAt) | last'
}

# switch APP TASK_DEFINITION: lets the service run the task definition and waits until all of its traffic is there. Dies
# with 4 when ECS rolled back, and with 5 after DEPLOY_TIMEOUT seconds, when it tells ECS to roll back.
switch() {
    switch_before=$(newest_deployment "$1") || exit
    switch_before=$(printf '%s' "$switch_before" | jq -r '.serviceDeploymentArn // empty')
    run aws --output json ecs update-service --cluster "$1" --service "$1" --task-definition "$2" >/dev/null
    start_clock "${DEPLOY_TIMEOUT:-1800}"
    while :; do
        switch_now=$(newest_deployment "$1") || exit
        switch_arn=$(printf '%s' "$switch_now" | jq -r '.serviceDeploymentArn // empty')
        if [ "$switch_arn" != "$switch_before" ]; then
            case $(printf '%s' "$switch_now" | jq -r .status) in
            SUCCESSFUL) break ;;
            ROLLBACK_SUCCESSFUL | ROLLBACK_FAILED | STOPPED)
                die 4 "ECS ended the deploy, $(printf '%s' "$switch_now" | jq -r '"\(.status): \(.statusReason // "no reason given")"')"
                ;;
            esac
        fi
        if [ "$(date +%s)" -ge "$clock_end" ] && [ "$switch_arn" != "$switch_before" ]; then
            aws ecs stop-service-deployment --service-deployment-arn "$switch_arn" --stop-type ROLLBACK >/dev/null ||
                say "ECS does not roll back by itself: run ops/rollback"
        fi
        wait_or_die "${POLL_SECONDS:-5}" "the new version does not become healthy"
    done
    # A rollback goes only to what was live once.
    ask ecs tag-resource --resource-arn "$2" --tags key=live,value=true >/dev/null
}
