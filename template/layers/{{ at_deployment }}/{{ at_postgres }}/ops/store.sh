# shellcheck shell=sh disable=SC2034,SC2154 # the scripts set here and environment and read database
# Databases and the backup bucket for the scripts in this folder. Source it after lib.sh.
#
# The bucket is any S3-compatible one: BACKUP_BUCKET_URL (https://ENDPOINT/BUCKET), BACKUP_ACCESS_KEY_ID,
# BACKUP_SECRET_ACCESS_KEY and, where it matters, BACKUP_REGION (us-east-1). BACKUP_SESSION_TOKEN belongs to passing keys.

# Prints the bytes behind a percent-encoded text.
decoded() {
    decoded_rest=$1
    decoded_text=
    while :; do
        case $decoded_rest in
        *%??*) ;;
        *) break ;;
        esac
        decoded_text=$decoded_text${decoded_rest%%"%"*}
        decoded_rest=${decoded_rest#*"%"}
        decoded_code=${decoded_rest%"${decoded_rest#??}"}
        decoded_text=$decoded_text$(printf '%b' "\\0$(printf '%o' "0x$decoded_code")")
        decoded_rest=${decoded_rest#??}
    done
    printf '%s' "$decoded_text$decoded_rest"
}

# use_database URL: sets database to the URL without its password, which goes into the environment, because arguments are
# visible to every process of the machine.
use_database() {
    database=$1
    case $1 in
    postgres://*:*@* | postgresql://*:*@*)
        use_rest=${1#*://}
        use_user=${use_rest%%@*}
        PGPASSWORD=$(decoded "${use_user#*:}")
        export PGPASSWORD
        database=${1%%://*}://${use_user%%:*}@${use_rest#*@}
        ;;
    postgres://* | postgresql://*) ;;
    *) die 3 "the database's address must start with postgresql://" ;;
    esac
}

# bucket CURL_OPTION... PATH: one signed request to the bucket; dies with 4 and what the bucket said.
bucket() {
    # The keys go in on stdin, for the same reason.
    {
        printf 'user = "%s:%s"\n' "$BACKUP_ACCESS_KEY_ID" "$BACKUP_SECRET_ACCESS_KEY"
        [ -z "${BACKUP_SESSION_TOKEN:-}" ] || printf 'header = "x-amz-security-token: %s"\n' "$BACKUP_SESSION_TOKEN"
    } |
        curl --config - --fail --silent --show-error --retry 3 --connect-timeout 10 \
            --aws-sigv4 "aws:amz:${BACKUP_REGION:-us-east-1}:s3" "$@" || die 4 "the bucket refused or cannot be reached"
}

# content_md5 FILE: prints the MD5 of a file as HTTP wants it, which is base64 of its bytes.
content_md5() {
    for md5_byte in $(md5sum "$1" | cut -c 1-32 | sed 's/../& /g'); do
        # shellcheck disable=SC2059 # the format is the byte
        printf "\\$(printf '%o' "0x$md5_byte")"
    done | base64
}

# store FILE NAME: uploads a file and makes sure that all of it arrived.
store() {
    store_sum=$(sha256sum "$1" | cut -d ' ' -f 1)
    # A bucket with a lock refuses what comes without an MD5 of its own.
    bucket --header "x-amz-content-sha256: $store_sum" --header "content-md5: $(content_md5 "$1")" --upload-file "$1" "$folder/$2" >/dev/null
    store_size=$(bucket --head "$folder/$2" | tr -d '\r' | sed -n 's/^[Cc]ontent-[Ll]ength: //p' | tail -n 1)
    [ "$store_size" = "$(wc -c <"$1" | tr -d ' ')" ] || die 4 "$2 arrived with ${store_size:-no} bytes"
}

# need_bucket: dies with 3 unless the bucket is known; sets folder.
need_bucket() {
    need_var BACKUP_BUCKET_URL BACKUP_ACCESS_KEY_ID BACKUP_SECRET_ACCESS_KEY
    folder=${BACKUP_BUCKET_URL%/}/$(app_name "$environment")
}

# fingerprint FILE: writes what the database holds.
fingerprint() {
    psql --no-psqlrc --quiet --tuples-only --no-align --field-separator=' ' --set=ON_ERROR_STOP=1 \
        --dbname="$1" --file="$here/fingerprint.sql" --output="$2" || die 4 "the database cannot be read"
}
