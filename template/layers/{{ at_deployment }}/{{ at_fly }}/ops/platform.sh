# shellcheck shell=sh
# Fly.io's command line for the scripts in this folder. Source it after lib.sh.

need_fly() {
    need flyctl jq
    need_var FLY_API_TOKEN
}

# releases APP: prints the releases, newest first, as status, image and version.
releases() {
    listed=$(flyctl releases --app "$1" --image --json) ||
        die 4 "Fly.io does not know the app $1, or the token is not for it: create it first with flyctl apps create $1"
    printf '%s' "$listed" | jq -c 'sort_by(-.Version) | [.[] | {status: (.Status | ascii_downcase), image: .ImageRef,
        version: (.ImageRef // "" | split("@")[0] | split(":") | last)}]' || die 4 "Fly.io did not answer with a list of releases"
}

# release APP ENV VERSION WORD...: deploys with the options WORD... and waits until every machine is healthy.
release() {
    release_app=$1
    release_environment=$2
    release_version=$3
    shift 3
    run flyctl deploy --app "$release_app" --config fly.toml --yes --env "ENVIRONMENT=$release_environment" \
        --env "RELEASE=$release_version" "$@"
}
