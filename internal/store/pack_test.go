package store

import (
	"bytes"
	"io"
	"testing"
)

func TestWhatIsPackedIsUnpacked(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 255, 256, smallPack - 1, smallPack, smallPack + 1, 100_000} {
		plain := bytes.Repeat([]byte("ab"), n)[:n]
		small, err := packSmall(plain)
		if err != nil {
			t.Fatal(err)
		}
		if n > smallPack && len(small) > n/2 {
			t.Errorf("%d bytes are packed into %d", n, len(small))
		}
		large, err := pack(func(w io.Writer) error {
			_, err := w.Write(plain)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, packed := range [][]byte{small, large} {
			err := unpack(packed, 100_000, func(got []byte) error {
				if !bytes.Equal(got, plain) {
					t.Errorf("%d bytes come back as %d others", n, len(got))
				}
				return nil
			})
			if err != nil {
				t.Errorf("%d bytes: %v", n, err)
			}
		}
	}
}
