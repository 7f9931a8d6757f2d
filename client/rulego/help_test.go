package rulego

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/rulego/rulego/api/types/endpoint"
	"github.com/rulego/rulego/endpoint/impl"
)

func sprintf(format string, arguments ...any) string { return fmt.Sprintf(format, arguments...) }

func newImplRouter(id, from string) endpoint.Router {
	return impl.NewRouter().SetId(id).From(from).End()
}

// chainsOf is a folder with one chain.
func chainsOf(t *testing.T) string {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "c.json"), []byte(chain("c", "1")), 0o600); err != nil {
		t.Fatal(err)
	}
	return folder
}

// leadingTo is a router with a target.
func leadingTo(id, from, to string) endpoint.Router {
	return impl.NewRouter().SetId(id).From(from).To(to).End()
}
