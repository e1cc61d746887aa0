// Argo CD's own diff of pairs, measured the way the bench measures ours.
//
// Reads one JSON document from standard input: how many rounds to make, and the pairs as texts. Writes one: the nanoseconds of every
// single diff and the allocations per diff, for parsed objects and from bytes.
//
// The diff is the one that its application controller makes by default: three-way, with the status taken out by a normalizer.
package main

import (
	"encoding/json"
	"log"
	"os"
	"runtime"
	"time"

	"github.com/argoproj/argo-cd/gitops-engine/pkg/diff"
	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

type input struct {
	Rounds int
	Pairs  []struct{ Desired, Live string }
}

type taken struct {
	Nanoseconds []int64 `json:"nanoseconds"`
	Allocations float64 `json:"allocations"`
}

type output struct {
	Parsed    taken `json:"parsed"`
	FromBytes taken `json:"fromBytes"`
	Modified  int   `json:"modified"`
}

// withoutStatus is what the controller's setting resource.ignoreResourceStatusField=all comes down to.
type withoutStatus struct{}

func (withoutStatus) Normalize(object *unstructured.Unstructured) error {
	unstructured.RemoveNestedField(object.Object, "status")
	return nil
}

func main() {
	log.SetFlags(0)
	var in input
	if err := json.NewDecoder(os.Stdin).Decode(&in); err != nil {
		log.Fatal("failed to read the pairs: ", err)
	}
	var out output
	objects := make([][2]*unstructured.Unstructured, len(in.Pairs))
	for at, pair := range in.Pairs {
		objects[at] = [2]*unstructured.Unstructured{parse(pair.Desired), parse(pair.Live)}
		if compare(objects[at][0], objects[at][1]).Modified {
			out.Modified++
		}
	}
	out.Parsed = measure(in.Rounds, len(in.Pairs), func(at int) { compare(objects[at][0], objects[at][1]) })
	out.FromBytes = measure(in.Rounds, len(in.Pairs), func(at int) { compare(parse(in.Pairs[at].Desired), parse(in.Pairs[at].Live)) })
	if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
		log.Fatal(err)
	}
}

func parse(text string) *unstructured.Unstructured {
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON([]byte(text)); err != nil {
		log.Fatal("failed to parse an object: ", err)
	}
	return object
}

func compare(desired, live *unstructured.Unstructured) *diff.DiffResult {
	result, err := diff.Diff(desired, live, diff.WithNormalizer(withoutStatus{}), diff.WithLogr(logr.Discard()))
	if err != nil {
		log.Fatal("failed to compare: ", err)
	}
	return result
}

func measure(rounds, pairs int, once func(at int)) taken {
	for at := range pairs { // a round that does not count
		once(at)
	}
	result := taken{Nanoseconds: make([]int64, 0, rounds*pairs)}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range rounds {
		for at := range pairs {
			begun := time.Now()
			once(at)
			result.Nanoseconds = append(result.Nanoseconds, time.Since(begun).Nanoseconds())
		}
	}
	runtime.ReadMemStats(&after)
	result.Allocations = float64(after.Mallocs-before.Mallocs) / float64(rounds*pairs)
	return result
}
