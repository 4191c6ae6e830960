# compress.sh FROM TO: compresses a file, and prints one JSON object: the result of the row.
set -e
gzip -9 -c "$1" > "$2"
printf '{"bytes": %d, "compressed_bytes": %d}\n' "$(wc -c < "$1")" "$(wc -c < "$2")"
