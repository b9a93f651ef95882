// Command yaml-corpus prints what kubectl and the API server make of odd manifests, for
// tests/offline/manifests.rs to compare with. To make the corpus again, in this directory:
//
//	go run . > ../fixtures/yaml.txt
//
// A line that begins with # is a comment. Each other line is a case, a JSON list:
//
//	the manifest
//	what kubectl sends for it: a list of objects, or null where it refuses the text
//	for each object, whether an API server can decode it, and null where it is no Job or CronJob
//	of batch/v1; left out where there is none of these
//
// kubectl's part is what k8s.io/cli-runtime does to a file: the byte order mark is taken off,
// documents are cut and decoded by yaml.NewYAMLOrJSONDecoder, and each is read as unstructured and
// taken apart if it is a list. The API server's is the decoder of its JSON serializer for batch/v1.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	serializer "k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/util/yaml"
)

func main() {
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	fmt.Fprintln(out, "# Made by tests/yaml-corpus (k8s.io/apimachinery v0.36.3). Do not edit.")
	seen := map[string]bool{}
	for _, text := range cases() {
		if seen[text] {
			continue
		}
		seen[text] = true
		encoder := json.NewEncoder(out)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(judge(text)); err != nil {
			panic(err)
		}
	}
}

func judge(text string) []any {
	objects, err := read(strings.TrimPrefix(text, "\ufeff"))
	if err != nil {
		return []any{text, nil}
	}
	sent := []json.RawMessage{}
	decoded := []*bool{}
	concerned := false
	for _, object := range objects {
		raw, err := runtime.Encode(unstructured.UnstructuredJSONScheme, object)
		if err != nil {
			panic(err)
		}
		raw = bytes.TrimSpace(raw)
		sent = append(sent, raw)
		typed := decodes(raw)
		concerned = concerned || typed != nil
		decoded = append(decoded, typed)
	}
	if !concerned {
		return []any{text, sent}
	}
	return []any{text, sent, decoded}
}

// read does what StreamVisitor and FlattenListVisitor of k8s.io/cli-runtime do.
func read(text string) ([]runtime.Object, error) {
	decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(text), 4096)
	found := []runtime.Object{}
	for {
		extension := runtime.RawExtension{}
		if err := decoder.Decode(&extension); err != nil {
			if errors.Is(err, io.EOF) {
				return found, nil
			}
			return nil, err
		}
		raw := bytes.TrimSpace(extension.Raw)
		if len(raw) == 0 || bytes.Equal(raw, []byte("null")) {
			continue
		}
		object, _, err := unstructured.UnstructuredJSONScheme.Decode(raw, nil, nil)
		if err != nil {
			return nil, err
		}
		open := []runtime.Object{object}
		for len(open) > 0 {
			object, open = open[0], open[1:]
			if !meta.IsListType(object) {
				if object.GetObjectKind().GroupVersionKind().Kind == "" {
					return nil, errors.New("an item has no kind")
				}
				found = append(found, object)
				continue
			}
			items, err := meta.ExtractList(object)
			if err != nil {
				return nil, err
			}
			open = append(items, open...)
		}
	}
}

// decodes tells whether an API server decodes an object as batch/v1; nil for other kinds.
func decodes(raw []byte) *bool {
	var head struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
	}
	if json.Unmarshal(raw, &head) != nil || head.APIVersion != "batch/v1" || head.Kind != "Job" && head.Kind != "CronJob" {
		return nil
	}
	scheme := runtime.NewScheme()
	if err := batchv1.AddToScheme(scheme); err != nil {
		panic(err)
	}
	decoder := serializer.NewSerializerWithOptions(serializer.DefaultMetaFactory, scheme, scheme, serializer.SerializerOptions{})
	_, _, err := decoder.Decode(raw, nil, nil)
	fine := err == nil
	return &fine
}
