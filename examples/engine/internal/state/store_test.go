// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

func openStore(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestTheNewestCheckpointComesBackAndTwoAreKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	s := openStore(t, dir)
	if _, ok, err := s.Latest(); ok || err != nil {
		t.Fatalf("ok %v, err %v of an empty store", ok, err)
	}
	var want Checkpoint
	for _, id := range []uint64{1, 2, 4, 9, 300} { // some were abandoned
		want = Checkpoint{
			ID: id, At: time.Unix(int64(id), 0).UTC(), Symbols: []string{"a", "", "\x00"},
			Parts: map[string][]byte{"q": bytes.Repeat([]byte{byte(id)}, int(id)*50), "empty": {}},
		}
		if err := s.Save(want); err != nil {
			t.Fatal(err)
		}
	}
	if s.entries.Load() != 2 || s.size.Load() < 300*50 {
		t.Errorf("it holds %d entries of %d bytes", s.entries.Load(), s.size.Load())
	}
	_ = s.db.View(func(tx *bbolt.Tx) error {
		if n := tx.Bucket(bucket).Stats().KeyN; n != 2 {
			t.Errorf("%d checkpoints are kept", n)
		}
		return nil
	})
	_ = s.Close()
	got, ok, err := openStore(t, dir).Latest()
	if err != nil || !ok || !reflect.DeepEqual(got.Symbols, want.Symbols) || !got.At.Equal(want.At) || got.ID != 300 ||
		!bytes.Equal(got.Parts["q"], want.Parts["q"]) || len(got.Parts) != 2 {
		t.Errorf("ok %v, err %v, got %+v", ok, err, got)
	}
}

func TestASecondEngineIsToldThatTheFileIsInUse(t *testing.T) {
	dir := t.TempDir()
	_ = openStore(t, dir)
	if _, err := Open(dir, nil); err == nil || !strings.Contains(err.Error(), "does another engine use it") {
		t.Errorf("err = %v", err)
	}
}

func TestWhatIsNoStoreIsRefusedByName(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "checkpoints.db")
	if err := os.WriteFile(path, bytes.Repeat([]byte("x"), 1<<15), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, nil); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("err = %v", err)
	}
}

// A save that a crash cut short leaves the checkpoint before it.
func TestATornSaveLeavesTheCheckpointBefore(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	part := func(id uint64) map[string][]byte {
		return map[string][]byte{"q": bytes.Repeat([]byte{byte(id)}, 20_000)}
	}
	for id := range uint64(5) {
		if err := s.Save(Checkpoint{ID: id + 1, Parts: part(id + 1)}); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "checkpoints.db")
	before, _ := os.ReadFile(path)
	if err := s.Save(Checkpoint{ID: 6, Parts: part(6)}); err != nil {
		t.Fatal(err)
	}
	after, _ := os.ReadFile(path)
	_ = s.Close()
	// The header pages, the first two, are written last: until then the old ones count.
	header := 2 * os.Getpagesize()
	for _, torn := range []int{header, len(after) / 3, len(after) / 2, len(after)} {
		data := append(bytes.Clone(before[:header]), after[header:torn]...)
		if len(before) > torn {
			data = append(data, before[torn:]...)
		}
		crashed := t.TempDir()
		if err := os.WriteFile(filepath.Join(crashed, "checkpoints.db"), data, 0o600); err != nil {
			t.Fatal(err)
		}
		got, ok, err := openStore(t, crashed).Latest()
		if err != nil || !ok || got.ID != 5 || !bytes.Equal(got.Parts["q"], part(5)["q"]) {
			t.Errorf("torn at %d of %d: checkpoint %d, ok %v, err %v", torn, len(after), got.ID, ok, err)
		}
	}
}

func BenchmarkSave1MB(b *testing.B) {
	s := openStore(b, b.TempDir())
	parts := map[string][]byte{}
	for i := range 16 {
		parts[string(rune('a'+i))] = bytes.Repeat([]byte{byte(i)}, 1<<16)
	}
	b.SetBytes(1 << 20)
	id := uint64(0)
	for b.Loop() {
		id++
		if err := s.Save(Checkpoint{ID: id, Parts: parts}); err != nil {
			b.Fatal(err)
		}
	}
}
