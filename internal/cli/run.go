package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/fault"
	"github.com/messageai/sluice/internal/listing"
)

type runCommand struct {
	ICP     string            `name:"icp" required:"" help:"The ICP, a JSON file." placeholder:"FILE"`
	Input   string            `required:"" help:"Your list, a CSV file; - reads standard input." placeholder:"FILE"`
	Out     string            `default:"leads.csv" help:"Where leads go; review, rejected, duplicate and bad rows go beside it."`
	Map     map[string]string `help:"Say which column holds a field: email=\"Work Email\". May be repeated." placeholder:"FIELD=COLUMN"`
	Country string            `help:"Country that phone numbers without a country code are from, such as US." placeholder:"CODE"`
	JSON    bool              `name:"json" help:"Print the row counts as one JSON object."`
}
