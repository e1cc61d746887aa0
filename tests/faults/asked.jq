# The words in which the tables ask an answer of driftmend; $server is what the real server told (server.json beside the input).
def server: $server;

# What the next sync gives.
def verdict: .objects[0].prediction.verdict;
def accepted: verdict | IN("Clean", "Reverts", "Residual");
def refused_as_told: verdict == "Refused" and [.objects[0].prediction.causes[] | {field, message}] == server;

# Why a manifest is refused as it is; of one that is not, why the next sync is.
def causes: .objects[0] | [.refusals, .prediction.causes // []] | first(.[] | select(. != [])) // [] | map({field, message});
def stays($path): any(.objects[].prediction.residual[]?; contains($path));

# A list of paths or of objects that name one: how much an entry tells is for the schema's own tests.
def breaks($path): .objects[0].prediction.breaks // [] | any(.[]; tojson | contains($path | tojson[1:-1]));
def overwrites($path): .objects[0].prediction.overwrites // [] | any(.[]; tojson | contains($path | tojson[1:-1]));

# What differs today.
def phase: .objects[0].phase;
def told($path): first(.objects[].fields[] | select(.path | contains($path)));
def severity($path): [.objects[].fields[] | select(.path | contains($path)) | .severity] | first // "none";
def drifted($path): any(.objects[].fields[]; .severity == "drift" and (.path | contains($path)));

# What a person should know and do about it.
def finding: .objects[].findings[];
def rule($name): any(finding; .rule == $name);
def warned($path): any(finding; (.severity | IN("warning", "error")) and ("\(.path) \(.message) \(.evidence)" | contains($path)));
def warned($path; $from; $to): any(finding; (.severity | IN("warning", "error")) and ("\(.path) \(.message) \(.evidence)" | contains($path)) and (.message | test($from) and test($to)));
def words: [.objects[] | .summary, .findings[].message, (.findings[] | .remedy // "")] | join("\n");

# Of a refusal alone: its reason, and the ways out of it.
def refusals: finding | select(.rule == "next-sync-refused");
def refusal: [refusals.message] | join("\n");
def remedies: [refusals.remedy // ""] | join("\n");
