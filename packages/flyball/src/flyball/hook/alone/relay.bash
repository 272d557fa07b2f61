# Passes one event on to the guard's server and hands its verdict back: in the 2 ms that bash takes, where Python takes 9.
#
#     bash --norc --noprofile -p relay.bash PYTHON RUN CLIENT FAILURE_MODE PORT DEADLINE_MS GUARD_FOLDER
#
# It knows one case: a short event and a whole answer within a second. In every other the hook process is started (RUN,
# process.py), which tells what is wrong, keeps the list of calls without an answer, and whose exit code decides by the
# failure mode. Nothing that comes over the wire is evaluated. Bash 3.2 is enough; `-p` takes no function and no file from
# the environment.
LC_ALL=C
EVENT_BYTES_MAX=16384
ANSWER_SECONDS_MAX=1
trap '' PIPE
python=$1 run=$2
shift 2
client=$1 failure_mode=$2 port=$3 folder=$5

ask_python() {
  { printf "%s${1-}" "$event" && cat; } | "$python" -B -I -S "$run" "${asked[@]}"
  exit "${PIPESTATUS[1]}"
}

read_line() {
  IFS= read -r -t "$ANSWER_SECONDS_MAX" -u 3 line && line=${line%$'\r'}
}

asked=("$@")
# read takes a byte at a time from a pipe: what is left is there for Python. It ends well at a NUL or when it is full.
if IFS= read -r -d '' -n "$EVENT_BYTES_MAX" event; then
  [[ ${#event} == "$EVENT_BYTES_MAX" ]] && ask_python
  ask_python '\0'
fi
IFS= read -r token 2>/dev/null <"$folder/tokens/$client.token" && [[ $token =~ ^[A-Za-z0-9_-]+$ ]] || ask_python
{ exec 3<>"/dev/tcp/127.0.0.1/$port"; } 2>/dev/null || ask_python
printf 'POST %s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %s\r\nConnection: close\r\n\r\n%s' \
  "/v1/guard/hook/$client?as=process&fail=$failure_mode&uid=$UID" "$port" "$token" "${#event}" "$event" 2>/dev/null >&3 || ask_python

read_line && [[ $line == "HTTP/1.1 200 "* ]] || ask_python
length=none
while read_line && [[ -n $line ]]; do
  [[ $line == [Cc]ontent-[Ll]ength:* ]] && length=${line#*: }
done
[[ $length =~ ^[1-9][0-9]{0,5}$ ]] || ask_python
IFS= read -r -d '' -n "$length" -t "$ANSWER_SECONDS_MAX" -u 3 answer
[[ ${#answer} == "$length" && $answer == *$'\n'*$'\n'* ]] || ask_python

# the exit code, what standard output says, what standard error says
code=${answer%%$'\n'*} rest=${answer#*$'\n'}
said=${rest%%$'\n'*} why=${rest#*$'\n'}
case $code in
  0 | 10) ;;
  *) ask_python ;;
esac
[[ -n $why ]] && printf '%s\n' "$why" >&2
[[ -n $said ]] && printf '%s\n' "$said"
exit "$code"
