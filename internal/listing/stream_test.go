package listing_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/messageai/sluice/internal/listing"
)

// TestSameResultWithAnyWorkers: the number of workers changes nothing, to the
// last byte, and output order is input order.
func TestSameResultWithAnyWorkers(t *testing.T) {
	t.Parallel()
	var want map[string]string
	for _, workers := range []int{1, 2, 7} {
		opts := options(t, "")
		opts.Input, opts.Workers = &stream{rows: 5000}, workers
		got, err := listing.Run(t.Context(), opts)
		if err != nil {
			t.Fatal(err)
		}
		if got.Counts.In != 5000 || !got.Counts.Balanced() || got.Counts.Qualified == 0 || got.Counts.Duplicate == 0 || got.Counts.Rejected == 0 || got.Counts.Review == 0 {
			t.Fatalf("%+v", got.Counts)
		}
		contents := map[string]string{}
		lines := map[string]bool{}
		for _, path := range []string{got.Files.Leads, got.Files.Review, got.Files.Rejected, got.Files.Duplicates, got.Files.Bad} {
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			contents[filepath.Base(path)] = string(raw)
			last := 0
			for _, row := range table(t, path, ',') {
				line := row["sluice_line"] + row["line"]
				var n int
				if _, err := fmt.Sscan(line, &n); err != nil || n <= last || lines[line] {
					t.Fatalf("%s: line %q after %d", filepath.Base(path), line, last)
				}
				last, lines[line] = n, true
			}
		}
		if len(lines) != 5000 {
			t.Errorf("%d of 5000 rows came out", len(lines))
		}
		if want == nil {
			want = contents
		}
		if diff := cmp.Diff(want, contents); diff != "" {
			t.Errorf("%d workers: %s", workers, diff)
		}
	}
}

// stream makes a list while it is read, so that only what the run keeps is in
// memory.
type stream struct {
	rows, at int
	buf      []byte
}

func (s *stream) Read(p []byte) (int, error) {
	titles := []string{"CTO", "VP Engineering", "Head of Sales", "Software Engineer", "Nurse", "Director of Engineering", "Store Manager"}
	industries := []string{"Software", "Hospital & Health Care", "SaaS", "Retail", "Banking", "Cybersecurity"}
	countries := []string{"United States", "Germany", "UK", "Japan", ""}
	for len(s.buf) < len(p) && s.at <= s.rows {
		if s.at == 0 {
			s.buf = append(s.buf, "First Name,Last Name,Title,Company,Email,Phone,Country,Industry,Employees,Annual Revenue,LinkedIn URL,Last Raised At\n"...)
		} else {
			i := s.at
			if i%50 == 0 {
				i /= 2 // a row that was there before
			}
			s.buf = fmt.Appendf(s.buf, "Pat%d,Doe%d,%s,Company %d,pat%d@c%d.example,+1 415 55%d %04d,%s,%s,%d,$%dM,linkedin.com/in/pat-%d,2026-%02d-10\n",
				i, i, titles[i%7], i/5, i, i/5, i%10, i%10_000, countries[i%5], industries[i%6], i%1500, i%200, i, 1+i%10)
		}
		s.at++
	}
	if len(s.buf) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.buf)
	s.buf = append(s.buf[:0], s.buf[n:]...)
	return n, nil
}

// TestMemoryIsBounded runs 100,000 rows and bounds what one costs, so that a
// million stays far below 512 MB.
func TestMemoryIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("100,000 rows take seconds")
	}
	opts := options(t, "")
	opts.Input = &stream{rows: 100_000}
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before, most := heap(), uint64(0)
	opts.Progress = func(p listing.Progress) {
		if p.Rows/256%100 == 0 {
			most = max(most, heap())
		}
	}
	started := time.Now()
	got, err := listing.Run(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	if got.Counts.In != 100_000 || !got.Counts.Balanced() {
		t.Fatalf("%+v", got.Counts)
	}
	grown := int64(most) - int64(before) //nolint:gosec // G115: a heap fits
	t.Logf("%d rows, %.0f rows/s, live heap grew by at most %.1f MB", got.Counts.In, float64(got.Counts.In)/time.Since(started).Seconds(), float64(grown)/1e6)
	if grown > 45e6 { // 150 bytes of keys a row make 15 MB; batches in flight the rest
		t.Errorf("the live heap grew by %d MB for 100,000 rows", grown/1e6)
	}
}

func BenchmarkRun(b *testing.B) {
	const rows = 20_000
	for b.Loop() {
		opts := options(b, "")
		opts.Input, opts.Workers = &stream{rows: rows}, 0
		if _, err := listing.Run(b.Context(), opts); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds(), "rows/s")
}
