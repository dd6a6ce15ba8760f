// Checks proofs by an implementation of RFC 6962 that others wrote: a JSON object a line in, true or false a line out.
package main

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
)

type told struct {
	Kind        string
	Index, Size uint64
	Old, New    uint64
	Leaf, Root  string
	OldRoot     string
	NewRoot     string
	Path        []string
}

func bytesOf(text string) []byte {
	found, err := hex.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return found
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 1<<20), 1<<20)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for lines.Scan() {
		var each told
		if err := json.Unmarshal(lines.Bytes(), &each); err != nil {
			panic(err)
		}
		path := make([][]byte, 0, len(each.Path))
		for _, text := range each.Path {
			path = append(path, bytesOf(text))
		}
		var err error
		if each.Kind == "inclusion" {
			leaf := rfc6962.DefaultHasher.HashLeaf(bytesOf(each.Leaf))
			err = proof.VerifyInclusion(rfc6962.DefaultHasher, each.Index, each.Size, leaf, path, bytesOf(each.Root))
		} else {
			err = proof.VerifyConsistency(rfc6962.DefaultHasher, each.Old, each.New, path, bytesOf(each.OldRoot), bytesOf(each.NewRoot))
		}
		fmt.Fprintln(out, err == nil)
	}
}
