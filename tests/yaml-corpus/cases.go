package main

import (
	"fmt"
	"strings"
)

// scalars are tried as values, as keys and, some of them, as fields of a Job.
var scalars = []string{
	// Booleans of YAML 1.1, of YAML 1.2, and of nobody.
	"y", "Y", "yes", "Yes", "YES", "yEs", "n", "N", "no", "No", "NO", "nO", "on", "On", "ON", "oN", "off", "Off",
	"OFF", "oFf", "true", "True", "TRUE", "tRue", "false", "False", "FALSE", "t", "f",
	// Null.
	"", "~", "null", "Null", "NULL", "nUll", "nil", "none",
	// Whole numbers.
	"0", "-0", "+0", "00", "-00", "1", "+1", "-1", "--1", "+-1", "01", "07", "08", "09", "0400", "-0400", "0755",
	"0o17", "0O17", "0o18", "-0o17", "+0o17", "0x1F", "0X1f", "-0x1F", "0xG", "0x", "0b1", "0B101", "-0b101", "0b2",
	"0b-1", "0b+1", "-0b-1", "0b", "0o", "3_600", "_1", "1_", "1__0", "0_8", "0x_F", "-_1", "+_1", "1_000_000",
	"9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809",
	"18446744073709551615", "18446744073709551616", "+9223372036854775807", "+9223372036854775808",
	"0xFFFFFFFFFFFFFFFF", "0x10000000000000000", "0777777777777777777777", "123456789012345678901234567890", "1e2",
	// Numbers with a point or an exponent.
	"1.0", "3600.0", "2.592e+06", "2.592e6", "2.592E+06", "1.5", ".5", "-.5", "+.5", "5.", "0.1", ".", "..", "-.", "+.",
	"1e3", "1E3", "1e-3", "1e+3", "e3", "1e", "1e+", "1.e3", ".5e3", "1_0.5", ".1_0", "0.1_0", "1e21", "1e20", "1e400",
	"-1e400", "1e-400", ".1e400", "9007199254740993.0", "9.2233720368547748e18", "9.223372036854775808e18", "-9.3e18",
	"123456789.123", "1e1000", "0x1p-2", "0x1.8", "1.2.3", "1,000", "1.7976931348623157e308", "5e-324", "0e0", "00.5",
	".inf", "-.inf", "+.inf", ".Inf", ".INF", ".iNf", "-.Inf", "inf", "+inf", ".nan", ".NaN", ".NAN", ".Nan", "nan",
	// Times and what looks like them.
	"1:30", "12:30:45", "190:20:30", "-1:30", "1:30.5", "2001-12-14", "2001-12-14T21:59:43Z", "2001-12-14t21:59:43.10-05:00",
	"2001-12-14 21:59:43.10 -5", "2001-12-14 21:59:43", "2001-1-2", "2001-13-45", "2026-11-19T12:30:00Z", "20011214",
	// Strings that are something elsewhere.
	"=", "<<", "-", "?", "*/5 * * * *", "@daily", "a: b", "a:b", "a :b", "a #b", "a#b", "#a", "%a", "`a", "!", "!a", "&a", "*a",
	"|", ">", "{}", "[]", "{a", "[a", "}", "]", ",", "a, b", "- a", "-a", "? a", "?a", ": a", ":a", "'a'", "\"a\"", "'a", "\"a",
	"'it''s'", "\"a\\tb\"", "\"\\x41\"", "\"\\u0041\"", "\"\\U00000041\"", "\"\\e\"", "\"\\/\"", "\"\\N\"", "\"\\q\"",
	"\"\\ud83d\\ude00\"", "\"\\ud800\"", "\"\\xzz\"", "1Gi", "500m", "1.", "0.5Gi", "v1.10", "10.0.0.1", "~a", "null a",
}

var tagged = []string{
	"!!str 1", "!!str", "!!str yes", "!!str ~", "!!int 1", "!!int \"1\"", "!!int '0x1F'", "!!int 1.5", "!!int a", "!!int ~",
	"!!float 1", "!!float \"1.5\"", "!!float a", "!!float .inf", "!!bool yes", "!!bool \"yes\"", "!!bool 1", "!!null ''", "!!null ~",
	"!!null a", "!!binary aGVsbG8=", "!!binary \"aGVsbG8\"", "!!binary /w==", "!!timestamp 2001-12-14", "!!timestamp a", "!secret x", "!secret 1", "! 1",
	"! a", "!<tag:yaml.org,2002:int> 7", "!!map {a: 1}", "!!seq [1]", "!!set {a, b}", "!!omap [a: 1]", "!foo {a: 1}", "!foo [1]",
	"!e!x 1", "!!merge x", "!!unknown 1", "!!str [1]", "!!int {a: 1}",
}

// documents are tried as they are.
var documents = []string{
	// Marks.
	"", "\n", "---\n", "---\n---\n", "# a\n", "# a\n---\nkind: A\n", "kind: A\n---\nkind: B\n", "kind: A\n---\n---\nkind: B\n---\n",
	"---\nkind: A\n", "---\nkind: A\n---\nkind: B\n", "--- # a\nkind: A\n", "---   \nkind: A\n", "---\t\nkind: A\n", "--- {kind: A}\n", "--- kind: A\n",
	"---kind: A\n", "----\nkind: A\n", "kind: A\n---- \nkind: B\n", "kind: A\n--- b\nkind: B\n", "kind: A\n ---\nkind: B\n",
	"kind: A\n...\n", "kind: A\n...\nkind: B\n", "kind: A\n...\n---\nkind: B\n", "...\nkind: A\n", "kind: A\n... # a\n", "kind: A\n...\n# a\n",
	"%YAML 1.1\n---\nkind: A\n", "%YAML 1.2\n---\nkind: A\n", "%TAG ! tag:a,2000:\n---\nkind: A\n", "kind: A\n---\n%YAML 1.1\n---\nkind: B\n", "---\n%a\nkind: A\n",
	"kind: A\nv: |\n  ---\n", "kind: A\nv: |\n---\n  x\n", "kind: A\nv: 'a\n\n---\n\n  b'\n", "kind: A\n---", "---", "--", "kind: A\n--\n",
	// Byte order marks, line ends, tabs.
	"\ufeffkind: A\n", "\ufeff\ufeffkind: A\n", "kind: A\n---\n\ufeffkind: B\n", "---\n\ufeffkind: A\n", "kind: A\n\ufeffv: 1\n", "kind: A\nv: a\ufeffb\n", "\ufeff{\"kind\": \"A\"}", "\ufeff---\nkind: A\n",
	"kind: A\r\nv: 1\r\n", "kind: A\r\n---\r\nkind: B\r\n", "kind: A\rv: 1\r", "kind: A\r\nv: |\r\n  a\r\n  b\r\n", "kind: A\r\nv: \"a\r\n  b\"\r\n",
	"kind:\tA\n", "kind: A\t\n", "\tkind: A\n", "kind: A\nv:\n\ta: 1\n", "kind: A\nv:\n  a: 1\n\t\n", "kind: A\nv: a\tb\n", "kind: A\t# a\n", "kind: A\nv: [\t1\t,\t2\t]\n", "kind: A\nv:\n-\ta\n", "kind: A\nv:\n  - a\n\t- b\n",
	// Characters.
	"kind: A\nv: a\u0085b\n", "kind: A\nv: \"a\u0085b\"\n", "kind: A\nv: 'a\u0085  b'\n", "kind: A\nv: \"a\\u0085b\"\n", "kind: A\nv: \"a\u2028b\"\n", "kind: A\nv: a\u2029b\n", "kind: A\nv: \"a\u007fb\"\n", "kind: A\nv: \"a\u0080b\"\n", "kind: A\nv: \"a\\u007fb\"\n", "kind: A\nv: \"a\\x80b\"\n",
	"kind: A\nv: \"a\u0001b\"\n", "kind: A\nv: a\u0000b\n", "kind: A\nv: \"a\\0b\"\n", "kind: A\nv: \"\ufffe\"\n", "kind: A\nv: \"\ud7ff\ue000\ufffd\"\n", "kind: A\nv: \"\U0001F600\"\n", "kind: Ä\nü: é\n", "kind: A\nv: \u00a0a\u00a0\n", "kind: A\nv: \u200ba\n",
	// Shapes.
	"a", "1", "[kind: A]\n", "- kind: A\n", "{}\n", "null\n", "~\n", "''\n", "kind:\n", "kind: ''\n", "kind: 1\n", "kind: yes\n", "kind: [A]\n", "kind: \"1\"\n", "v: 1\n", "KIND: A\n", "kind: A\napiVersion: 1\n", "kind: A\napiVersion:\n",
	"{kind: A}\n", "{kind: A} b\n", "{kind: A}\n{kind: B}\n", "{kind: A}\nkind: B\n", "kind: A\n}\n", "kind: A\n]\n", "kind: A\n b: 1\n", "  kind: A\n  v: 1\n", "  kind: A\n v: 1\n", "kind: A\nv: b: c\n", "kind: A\nv\n", "kind: A\n- a\n", "kind: A\nv:\n- a\nb: 1\n", "kind: A\nv:\n  - a\n - b\n", "kind: A\nv: - a\n", "kind: A\nv: [a, [b], {c: d}]\n", "kind: A\nv: [a, ]\n", "kind: A\nv: [, a]\n", "kind: A\nv: {a, b: }\n", "kind: A\nv: {a: 1, }\n", "kind: A\nv: {a:1}\n", "kind: A\nv: {\"a\":1}\n", "kind: A\nv: {a: b: c}\n", "kind: A\nv: [a: 1, b: 2]\n", "kind: A\nv: [a\n", "kind: A\nv: {a: [1}\n", "kind: A\nv: [a\nb]\n", "kind: A\nv: [\n]\n", "kind: A\nv: {\na: 1\n}\n", "kind: A\nv: [http://a:80/b?c=d]\n", "kind: A\nv: {a: http://b}\n", "kind: A\nv: [a?b, c:d, e#f]\n", "kind: A\n? v\n: 1\n", "kind: A\n? v\n", "kind: A\n? [v]\n: 1\n", "kind: A\n: 1\n", "kind: A\nv:    \n", "kind: A\nv:\n\n\n  1\n", "kind: A\nv:\n1\n", "kind: A\nv: a\n  b\n  c\n", "kind: A\nv: a\n\n  b\n", "kind: A\nv: \"a\n  b\\\n  c\"\n", "kind: A\nv: 'a\n\n  b'\n", "kind: A\nv: \"a\nb\"\n",
	"kind: A\nv: |\n  a\n  b\n", "kind: A\nv: |-\n  a\n", "kind: A\nv: |+\n  a\n\n\n", "kind: A\nv: >\n  a\n  b\n\n  c\n", "kind: A\nv: >-\n  a\n   b\n  c\n", "kind: A\nv: |2\n   a\n", "kind: A\nv: |1-\n  a\n", "kind: A\nv: |0\n  a\n", "kind: A\nv: | # a\n  b\n", "kind: A\nv: |#a\n  b\n", "kind: A\nv: |a\n  b\n", "kind: A\nv: |\n  yes\n", "kind: A\nv: |\n\n   a\n  b\n", "kind: A\nv: |\n a\n\tb\n", "kind: A\nv: |\n", "kind: A\nv: >\n\n", "kind: A\nv: !!int |\n  1\n",
	// Anchors, aliases, merges.
	"kind: A\nv: &a 1\nw: *a\n", "kind: A\nv: *a\n", "kind: A\nv: &a [1, *a]\n", "kind: A\nv: &a {b: *a}\n", "kind: A\nv: &a {b: 1}\nw: *a\nx: *a\n", "kind: A\nv: &a 1\nw: &a 2\nx: *a\n", "kind: A\n&a v: 1\nw: *a\n", "kind: A\nv: &a b\n*a : 1\n", "kind: A\nv: &a\nw: *a\n", "kind: A\nv: &a !!str 1\nw: *a\n", "kind: A\nv: !!str &a 1\nw: *a\n", "kind: A\nv: &a-b.c 1\nw: *a-b.c\n", "kind: A\nv: [&a a, *a]\n", "kind: A\nv: &a\n  b: 1\nw: *a\n", "kind: A\n---\nkind: B\nv: *a\n", "kind: A\nv: &a yes\nw: *a\n",
	"kind: A\na: &a {x: 1}\nb: {<<: *a, z: 2}\n", "kind: A\na: &a {x: 1}\nb: {x: 2, <<: *a}\n", "kind: A\na: &a {x: 1}\nb: {<<: *a, x: 2}\n", "kind: A\na: &a {x: 1}\nc: &c {x: 2, y: 3}\nb: {<<: [*a, *c]}\n", "kind: A\nb: {<<: {x: 1}, y: 2}\n", "kind: A\nb: {<<: [{x: 1}, {x: 2}]}\n", "kind: A\nb: {<<: 1}\n", "kind: A\nb: {<<: }\n", "kind: A\nb: {<<: [1]}\n", "kind: A\na: &a [{x: 1}]\nb: {<<: *a}\n", "kind: A\nb: {\"<<\": {x: 1}}\n", "kind: A\nb: {'<<': 1}\n", "kind: A\na: &a {x: 1}\nb: {<<: *a, <<: {y: 2}}\n", "kind: A\na: &a {x: 1}\nb: {? <<\n : *a}\n", "kind: A\nb: {!!merge <<: {x: 1}}\n", "kind: A\nb: {!!str <<: {x: 1}}\n", "kind: A\na: &a {<<: {x: 1}}\nb: {<<: *a}\n", "<<: {kind: A}\n", "kind: A\nb: [<<]\n", "kind: A\nb: <<\n", "kind: A\nb: {<<: {x: {y: 1}}, x: {z: 1}}\n",
	bomb(),
	// Keys.
	"kind: A\nv: {a: 1, a: 2}\n", "kind: A\nkind: B\n", "kind: A\nv: {a: {b: 1}, a: {c: 1}}\n", "kind: A\nv: {yes: 1, true: 2}\n", "kind: A\nv: {? {a: 1} : 1}\n", "kind: A\nv: {[a]: 1}\n", "kind: A\nv: {{a}: 1}\n", "kind: A\nv: {{ .Values.a }}\n", "kind: A\nv: {{.a}}: 1\n", "{{- if .a }}\nkind: A\n{{- end }}\n", "kind: A\nv: \"{{ .a }}\"\n", "kind: A\n{{ include \"a\" . }}\n", "kind: A\nv: {a b: c d}\n", "kind: A\n\"a\": 1\n'b': 2\n", "kind: A\nv: {1: a, 1.5: b, true: c, ~: d}\n", "kind: A\nv: {1: a, 1.5: b, true: c}\n", "kind: A\nv: {1000000.0: a}\n", "kind: A\nv: {123456.7: a}\n", "kind: A\nv: {0.00001: a}\n", "kind: A\nv: {0.1: a, .inf: b, -.inf: c, .nan: d}\n", "kind: A\nv: {1e300: a}\n",
	// JSON.
	`{"kind": "A"}`, `{"kind": "A"}{"kind": "B"}`, "{\"kind\": \"A\"}\n{\"kind\": \"B\"}\n", "{\"kind\": \"A\"}\n---\n{\"kind\": \"B\"}\n", "{\"kind\": \"A\"}\n---\n{\"kind\": \"B\"}\n---\n{\"kind\": \"C\"}\n", "{\"kind\": \"A\"}\n{\"kind\": \"B\"}\n---\n{\"kind\": \"C\"}\n", "{\"kind\": \"A\"}\n---\nkind: B\n", "kind: A\n---\n{\"kind\": \"B\"}\n", "---\n{\"kind\": \"A\"}\n", "{\"kind\": \"A\"} # a\n", "{\"kind\": \"A\",}\n", "{\"kind\": A}\n", "{\"kind\": 'A'}\n", "{\"kind\": \"A\" \"v\": 1}\n", "{\"kind\": \"A\"", "{\"kind\": \"A\"}}\n", "{\"kind\": \"A\"} {\n", "\n\n {\"kind\": \"A\"}\n", "{\n\t\"kind\": \"A\"\n}\n", "{\"kind\":\"A\",\"v\":1.0}", `{"kind":"A","v":3600.0}`, `{"kind":"A","v":2.592e+06}`, `{"kind":"A","v":1e3}`, `{"kind":"A","v":1E400}`, `{"kind":"A","v":-0}`, `{"kind":"A","v":-0.0}`, `{"kind":"A","v":01}`, `{"kind":"A","v":0400}`, `{"kind":"A","v":.5}`, `{"kind":"A","v":9223372036854775808}`, `{"kind":"A","v":18446744073709551616}`, `{"kind":"A","v":0.1}`, `{"kind":"A","v":1e21}`, `{"kind":"A","v":yes}`, `{"kind":"A","v":true}`, `{"kind":"A","v":null}`, `{"kind":"A","v":NaN}`, `{"kind":"A","v":1,"v":2}`, `{"kind":"A","v":"\u0085\u007f\u2028\ud83d\ude00"}`, `{"kind":"A","v":"\x41"}`, `{"kind":"A","v":"a	b"}`, `{"kind":"A","v":"\/"}`, `{"kind":"A","":1}`, `[{"kind":"A"}]`, `"A"`, `{"kind":"A"} 5`, `5 {"kind":"A"}`, `{"kind":"A"} null`, "{\"kind\":\"A\"}\n---\n\n---\n{\"kind\":\"B\"}\n", "{\"kind\":\"A\",\"v\":\"\u0001\"}", "{\"kind\":\"A\",\"v\":\"\u007f\u0085\ufeff\"}", "{\"kind\":\"A\" // a\n}", "{\"kind\":\"A\" /* a */}", "# a\n{\"kind\":\"A\"}\n",
	// Lists.
	"kind: List\napiVersion: v1\nitems: []\n", "kind: List\napiVersion: v1\nitems:\n", "kind: List\napiVersion: v1\n", "kind: List\napiVersion: v1\nitems: {}\n", "kind: List\napiVersion: v1\nitems: 1\n", "kind: List\napiVersion: v1\nitems: [{kind: A}, {kind: B}]\n", "kind: List\napiVersion: v1\nitems: [{kind: A}, 1]\n", "kind: List\napiVersion: v1\nitems: [{v: 1}]\n", "kind: JobList\napiVersion: batch/v1\nitems: [{v: 1}, {v: 2}]\n", "kind: JobList\napiVersion: batch/v1\nitems: [{kind: A, v: 1}]\n", "kind: PodList\napiVersion: v1\nitems: [{v: yes}]\n", "items: [{kind: A}]\nkind: List\napiVersion: v1\n", "kind: List\napiVersion: v1\nitems: [{kind: List, apiVersion: v1, items: [{kind: A}, {kind: B}]}, {kind: C}]\n", `{"kind":"List","apiVersion":"v1","items":[{"kind":"A","v":1.0},{"kind":"B"}]}`, "kind: List\napiVersion: v1\nitems: &a [{kind: A}]\nv: *a\n", "kind: List\napiVersion: v1\nitems: [{kind: A}]\nitems: [{kind: B}]\n", "kind: List\napiVersion: v1\nitems:\n- &a {kind: A}\n- *a\n- {<<: *a, v: 1}\n", "kind: JobList\napiVersion: batch/v1\nitems: [{metadata: {name: a}, spec: {ttlSecondsAfterFinished: 1e2}}]\n",
}

// bomb stands for more values than there are atoms.
func bomb() string {
	text := "kind: A\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for level := 1; level < 12; level++ {
		alias := fmt.Sprintf("*a%d", level-1)
		text += fmt.Sprintf("a%d: &a%d [%s]\n", level, level, strings.Repeat(alias+", ", 9)+alias)
	}
	return text
}

// fields are places in a Job with a type, into which odd values are put: %s.
var fields = []string{
	"spec: {ttlSecondsAfterFinished: %s}", "spec: {activeDeadlineSeconds: %s}", "spec: {suspend: %s}", "metadata: {name: %s}",
	"metadata: {labels: {a: %s}}", "metadata: {annotations: {a: %s}}", "metadata: {labels: %s}", "metadata: %s", "spec: %s",
	"metadata: {creationTimestamp: %s}", "metadata: {finalizers: [%s]}",
	"spec: {template: {spec: {containers: [{args: [%s]}]}}}", "spec: {template: {spec: {containers: [{env: [{name: A, value: %s}]}]}}}",
	"spec: {template: {spec: {containers: [{resources: {limits: {cpu: %s}}}]}}}", "spec: {template: {spec: {containers: [{ports: [{containerPort: %s}]}]}}}",
	"spec: {template: {spec: {containers: [{livenessProbe: {httpGet: {port: %s}}}]}}}", "spec: {template: {spec: {containers: %s}}}",
	"spec: {template: {spec: {volumes: [{secret: {defaultMode: %s}}]}}}",
}

var fieldValues = []string{
	"", "1", "0400", "1e2", "3600.0", "1.5", "3000000000", "\"1\"", "yes", "\"yes\"", "a", "[]", "{}", "[a]", "{a: b}", "[~]", "{a: ~}", "2026-11-19T12:30:00Z", "500m", "-1",
}

// cronjobs are the same for what only a CronJob has.
var cronjobs = []string{
	"spec: {schedule: %s}", "spec: {timeZone: %s}", "spec: {successfulJobsHistoryLimit: %s}", "spec: {startingDeadlineSeconds: %s}", "spec: {suspend: %s}",
	"spec: {jobTemplate: {metadata: {labels: {a: %s}}}}", "spec: {jobTemplate: {spec: {ttlSecondsAfterFinished: %s}}}", "status: {active: %s}",
}

var quantities = []string{
	"1", "1.5", ".5", "1.", "+1", "-1", "1k", "1K", "1Ki", "1ki", "1m", "1M", "1Mi", "1mi", "1e3", "1E3", "1e", "1E", "1e+3", "1e-3", "1e3Ki", "1u", "1n", "1p", "\"\"", "\" 1\"", "\"1 \"", "a", "1.2.3", "0x10", "1_000", "\"1_000\"", "010", "\"010\"", ".", "\"1Zi\"", "\"1e1.5\"", "\"++1\"", "\"1\"", "1Gi1",
}

func cases() (all []string) {
	for _, scalar := range append(append([]string{}, scalars...), tagged...) {
		all = append(all, "kind: A\nv: "+scalar+"\n")
	}
	for _, scalar := range scalars {
		all = append(all, "kind: A\n"+scalar+": v\n")
	}
	for index, scalar := range scalars {
		// In flow style, in lists, and quoted, in turn: quoted they are all strings.
		switch index % 4 {
		case 0:
			all = append(all, "kind: A\nv: {a: "+scalar+"}\n")
		case 1:
			all = append(all, "kind: A\nv: ["+scalar+", a]\n")
		case 2:
			all = append(all, "kind: A\nv:\n- "+scalar+"\n")
		case 3:
			all = append(all, "v: '"+strings.ReplaceAll(scalar, "'", "''")+"'\nkind: A\n")
		}
	}
	all = append(all, documents...)
	typed := func(kind string, fields []string, values []string) {
		for _, field := range fields {
			for _, value := range values {
				all = append(all, "apiVersion: batch/v1\nkind: "+kind+"\n"+fmt.Sprintf(field, value)+"\n")
			}
		}
	}
	typed("Job", fields, fieldValues)
	typed("CronJob", cronjobs, fieldValues)
	typed("Job", fields[13:14], quantities)
	return all
}
