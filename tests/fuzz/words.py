"""The vocabulary of mutations: names of each language, unusual values, and openings that nest."""

from __future__ import annotations

from collections.abc import Mapping

_TERRAFORM = """
abs ceil floor log max min parseint pow signum chomp endswith format formatlist indent join lower regex regexall
replace split startswith strcontains strrev substr templatestring title trim trimprefix trimsuffix trimspace upper
alltrue anytrue chunklist coalesce coalescelist compact concat contains distinct element flatten index keys length
list lookup map matchkeys merge one range reverse setintersection setproduct setsubtract setunion slice sort sum
transpose values zipmap base64decode base64encode base64gzip csvdecode jsondecode jsonencode textdecodebase64
textencodebase64 urlencode yamldecode yamlencode abspath dirname pathexpand basename file fileexists fileset
filebase64 templatefile formatdate plantimestamp timeadd timecmp timestamp base64sha256 bcrypt filemd5 md5 sha1
sha256 uuid uuidv5 cidrhost cidrnetmask cidrsubnet cidrsubnets can sensitive issensitive tobool tolist tomap
tonumber toset tostring try type provider::terraform::encode_tfvars
each.key each.value count.index self path.module terraform.workspace local.a var.a module.m data.a.b.c
azurerm_key_vault.kv azurerm_key_vault.kv.id azurerm_key_vault.kv[0] azurerm_key_vault.kv["a"] for_each count
for in if else endif endfor dynamic content lifecycle ignore_changes depends_on moved removed import check
provider provisioner precondition ephemeral null true false optional any object list(string) sensitive = ? : => ...
.* [*] ${ %{ ~} <<-E <<E && || == != ! % /* # //
"""
_BICEP = """
any array bool int string object concat contains createArray createObject empty first flatten indexOf intersection
last lastIndexOf length max min range skip take tryGet union coalesce utcNow dateTimeAdd dateTimeFromEpoch
dateTimeToEpoch deployment environment loadFileAsBase64 loadJsonContent loadYamlContent loadTextContent
loadDirectoryFileInfo filter groupBy map mapValues objectKeys reduce shallowMerge sort toObject toLogicalZone
parseCidr cidrSubnet cidrHost base64 base64ToJson base64ToString dataUri dataUriToString endsWith format guid join
json newGuid padLeft replace split startsWith substring toLower toUpper trim uniqueString uri uriComponent
uriComponentToString extensionResourceId getSecret list listKeys listSecrets pickZones reference resourceGroup
resourceId subscription subscriptionResourceId tenant tenantResourceId managementGroup readEnvironmentVariable
items fail nameof sys. az. buildUri parseUri externalInput kv kv.id kv.properties kv!.name kv.?id a[0] a[?0] a[^1]
param var resource module output type func import provider extension metadata targetScope using extends existing
for in if as with from assert @secure() @allowed([]) @description('x') @minLength(0) @batchSize(1) @sealed()
@discriminator('a') @export() @onlyIfNotExists() null true false = ? ?? : => ... :: ! && || == =~ !~ ${ ''' // /*
#disable-next-line
"""
_ARM = """
add and base64 bool coalesce concat contains copyIndex createArray createObject dataUri dateTimeAdd deployment div
empty endsWith environment equals extensionResourceId false filter first flatten float format greater guid if
indexOf int intersection items join json lambda lambdaVariables last lastIndexOf length less list listKeys map max
min mod mul newGuid not null objectKeys or padLeft parameters parseCidr pickZones providers range reduce reference
replace resourceGroup resourceId shallowMerge skip sort split string sub substring subscription
subscriptionResourceId take tenant toLower toObject toUpper trim true tryGet tryIndexFromEnd union uniqueString uri
utcNow variables copy condition scope dependsOn nested expressionEvaluationOptions innerEvaluatedExpression
templateLink definitions functions languageVersion metadata existing securestring secureObject $ref items count input
mode serial batchSize zones parent comments apiVersion Microsoft.Resources/deployments Microsoft.KeyVault/vaults
Microsoft.KeyVault/vaults/accessPolicies Microsoft.KeyVault/vaults/secrets Microsoft.KeyVault/managedHSMs
"""
_PLAN = """
after after_sensitive after_unknown before before_sensitive actions create update delete no-op read forget replace
importing generated_config replace_paths address previous_address module_address deposed index mode managed data type
name provider_name provider_config_key change resource_changes resource_drift planned_values prior_state
configuration root_module child_modules module_calls resources expressions references constant_value
for_each_expression count_expression schema_version sensitive_values variables output_changes outputs checks
relevant_attributes format_version terraform_version timestamp errored complete applyable deferred_changes
each.key each.value var.a local.a data.a.b azurerm_key_vault.kv azurerm_key_vault.kv.id module.m.id null true false
"""
_SETTINGS = """
select ignore profile rules parameters var var-file format sarif-include framework exclude extend-exclude
min-severity fail-on source-root output baseline sarif-category as-of jobs strict closed quiet verbose statistics
show-suppressed no-ignores set override paths resources severity ignore reason owner until true false "all" "*" "**"
"high" "text" "../outside" "." "main.tf" "KV001" "KV" 2027-01-01 [[override]] [set] [tool.kvlint] KV003.minimum
"(?=(a+)+$)(a|a)*b" "text=out.txt" "json=out.json" \"\"\" ''' 0x10 1e9 inf nan
"""
_RULES = r"""
id name title severity profile resource also_removed also_existing parameters about default when require message
why fix references covers cwe controls peers differs examples fails passes unknown plan terraform bicep arm
terraform_json as_of attribute equals in contains matches at_least at_most is set absent length_at_least inside
overlaps has_all all any not some every where linked_from links_to via given $pattern $ $minimum {resource} {value}
{because} {attribute} '{' properties.sku.name properties.accessPolicies[0].permissions tags.'cost center'
a[999999999999] derived.exposure derived.accessModel derived.grants derived.operations derived.daysLeft
derived.principals derived.valueOrigins derived.notices.secrets name location & * ! | > - ? : "~" .inf 0o7
2027-01-01 ${var.x} ${a.b[0]["c"]} !!python/object Microsoft.KeyVault/vaults Microsoft.KeyVault/vaults/secrets
Terraform/outputs "(a+)+$" "(?i)x" (?P<a>b) [[a]] \p{L} provider.azurerm: azurerm_key_vault.kv: azapi_resource.kv:
<<: &a *a
"""

NAMES: Mapping[str, tuple[str, ...]] = {
    "terraform": tuple(_TERRAFORM.split()),
    "bicep": tuple(_BICEP.split()),
    "arm": tuple(_ARM.split()),
    "plan": tuple(_PLAN.split()),
    "settings": tuple(_SETTINGS.split()),
    "rules": tuple(_RULES.split()),
}
"""Replacements for a token, by language."""

OPENINGS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "terraform": (
        ("(", ")"),
        ("[", "]"),
        ("{a=", "}"),
        ('"${', '}"'),
        ("[for a in ", " : a]"),
        ("{for k, v in b : k => ", "}"),
        ("f(", ")"),
        ("!", ""),
        ("-", ""),
        ("a ? b : ", ""),
        ("a.", ""),
        ("a[", "]"),
        ("1 + ", ""),
        ("a {\n", "}\n"),
        ("%{ if a }", "%{ endif }"),
    ),
    "bicep": (
        ("(", ")"),
        ("[", "]"),
        ("{a: ", "}"),
        ("'${", "}'"),
        ("[for a in ", ": a]"),
        ("f(", ")"),
        ("!", ""),
        ("-", ""),
        ("a ? b : ", ""),
        ("a.", ""),
        ("a[", "]"),
        ("a ?? ", ""),
        ("x => ", ""),
        ("@d()\n", ""),
        ("1 + ", ""),
        ("if (true) ", ""),
    ),
    "arm": (("[", "]"), ('{"a":', "}"), ('{"copy":[', "]}"), ('{"resources":[', "]}")),
    "plan": (("[", "]"), ('{"a":', "}"), ('{"child_modules":[', "]}"), ('{"module_calls":{"m":', "}}")),
    "settings": (("[", "]"), ("{a=", "}"), ("[a.", "]"), ("a.", "")),
    "rules": (
        ("[", "]"),
        ("{a: ", "}"),
        ("- ", ""),
        ("? ", ""),
        ("{not: ", "}"),
        ("{all: [", "]}"),
        ("[for a in b: ", ""),
    ),
}
"""Pairs of an opening and its end that nest, by language."""

EXPRESSION_OPENINGS = (
    ("concat(", ")"),
    ("if(true,", ",1)"),
    ("parameters('", "')"),
    ("(", ")"),
    ("a[", "]"),
    ("x.", ""),
)
"""The same in the expressions of a template and the addresses of a plan."""

NUMBERS = (
    "0",
    "-1",
    "1",
    "7",
    "90",
    "91",
    "2048",
    "127",
    "256",
    "65536",
    "2147483647",
    "2147483648",
    "-2147483649",
    "4294967296",
    "9007199254740993",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775809",
    "18446744073709551616",
    "1e1000",
    "-1e1000",
    "1e-1000",
    "0.1",
    "-0.0",
    "1e9",
    "00",
    "0x1F",
    "1_000",
    "NaN",
    "Infinity",
    "9" * 400,
    "9" * 5000,
    "0." + "3" * 400,
)

SURROGATES = ("\ud800", "\udfff", "\udc80")
CHARACTERS = (
    *SURROGATES,
    "\x00",
    "\x01",
    "\x08",
    "\x0b",
    "\x0c",
    "\x1b[31m",
    "\x7f",
    "\x85",
    "\x9b1m",
    "\xa0",
    "\xad",
    "\u0301",
    "\u034f",
    "\u061c",
    "\u1160",
    "\u180e",
    "\u200b",
    "\u200d",
    "\u202e",
    "\u2028",
    "\u2029",
    "\u2066",
    "\u3164",
    "\ufeff",
    "\ufffd",
    "\uffff",
    "\U0001f600",
    "\U000e0001",
    "\U0010ffff",
    "\u0130",
    "\u0131",
    "ß",
    "\u017f",
    "K",
    "ﬁ",
    "٣",
    "²",
    "Ⅷ",
    "名",
    "ä",
    "a\u0308",
    "\r",
    "\r\n",
    "\t",
    "\u2060",
)

STRINGS = (
    "",
    " ",
    "a",
    "-",
    "--format",
    "\x1b[31mred",
    "x\n::error file=y::z",
    "##vso[task.setvariable variable=PATH]x",
    "##[error]x",
    "<script>alert(1)</script>",
    "]]><!--",
    "`a` | b",
    "[a](https://example.invalid)",
    "'\"\\",
    "${a}",
    "%{if",
    "{resource}",
    "{0}",
    "%s%n",
    "..",
    "../outside/secret.txt",
    "../outside/secret.json",
    "../outside",
    ".git/config",
    "/etc/passwd",
    "/dev/zero",
    "C:\\x",
    "\\\\host\\share",
    "file:///etc/passwd",
    "~",
    "0.0.0.0/0",
    "::/0",
    "1.2.3.4/33",
    "256.1.1.1",
    "10.0.0.0/8",
    "fe80::1%eth0",
    "2027-01-01",
    "0000-00-00",
    "9999-12-31T23:59:59Z",
    "2024-02-30",
    "P1Y",
    "P99999999999D",
    "PT0S",
    "P",
    "~> 4.0",
    ">= 3, < 99999999999999999999",
    "!= x",
    "4.0.0-beta",
    "null",
    "true",
    "NaN",
    "1e400",
    "a" * 300,
    "x/" * 200,
    "/subscriptions/x/resourceGroups/y/providers/Microsoft.KeyVault/vaults/z",
    "/subscriptions//providers/",
    "00000000-0000-0000-0000-000000000000",
    "Microsoft.KeyVault/vaults",
    "Microsoft.KeyVault/vaults@2023-07-01",
    "Microsoft.KeyVault/vaults@9999-99-99-preview",
    "https://kv.vault.azure.net/secrets/a/b",
    "br:example.azurecr.io/a:1",
    "br/public:avm/res/key-vault/vault:0.1.0",
    "ts:x/y/z:1",
    "git::https://example.invalid/x?ref=v1",
    "Azure/avm-res-keyvault-vault/azurerm",
    "./m",
    "./",
    "[",
    "[[",
    "[]",
    "[x",
    "[concat(",
    "[parameters('a')]",
    "[resourceId('Microsoft.KeyVault/vaults', 'kv')]",
    "[reference('kv').x]",
    "kvlint: ignore[KV001] x",
    "\N{COMBINING ACUTE ACCENT}" * 50,
)
