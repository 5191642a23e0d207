package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/messageai/sluice/internal/api"
	"github.com/messageai/sluice/internal/domain"
)

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
}

// pollEvery is how often progress is read.
const pollEvery = 150 * time.Millisecond

// follow waits until a campaign's run ends or pauses, drawing its progress on a
// terminal.
func follow(ctx context.Context, t terminal, c client, campaign string, planned int, quiet bool) (api.CampaignStatus, error) {
	draw := t.live() && !quiet
	began := time.Now()
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		var status api.CampaignStatus
		if err := c.call(ctx, "GET", "/api/v1/prospecting/campaigns/"+campaign, nil, &status); err != nil {
			return status, err
		}
		if draw {
			_, _ = fmt.Fprint(t.err, "\r\x1b[K"+line(status, planned, time.Since(began)))
		}
		if now := domain.RunStatus(status.Status); now.Ended() || now == domain.RunPaused {
			if draw {
				_, _ = fmt.Fprint(t.err, "\r\x1b[K")
			}
			return status, nil
		}
		select {
		case <-ctx.Done():
			if draw {
				_, _ = fmt.Fprintln(t.err)
			}
			return status, fmt.Errorf("interrupted; \"sluice demo --resume\" continues the same run: %w", ctx.Err())
		case <-ticker.C:
		}
	}
}

// line is one line of progress: bar, rate, money, time left and what it waits for.
func line(s api.CampaignStatus, planned int, elapsed time.Duration) string {
	done := s.Rows.In - s.Rows.Queued - s.Rows.InWork
	share := 0.0
	if planned > 0 {
		share = min(float64(done)/float64(planned), 1)
	}
	const width = 24
	full := int(share * width)
	bar := strings.Repeat("█", full) + strings.Repeat("░", width-full)
	rate := float64(done) / max(elapsed.Seconds(), 0.001)
	left := "…"
	if rate > 0.5 && done < planned {
		left = (time.Duration(float64(planned-done)/rate) * time.Second).Round(time.Second).String()
	}
	bound := "discovering"
	if s.Rows.InWork > 0 {
		bound = "enriching"
	}
	return fmt.Sprintf("%s %3.0f%%  %d found  %d enriched  %.0f/min  %s of %s  %s left (%s)",
		bar, share*100, s.Progress.Discovered, s.Progress.Enriched, rate*60,
		s.Spend.SettledMicroUSD+s.Spend.ReservedMicroUSD, s.Spend.CapMicroUSD, left, bound)
}
