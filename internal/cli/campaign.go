package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/messageai/sluice/internal/api"
	"github.com/messageai/sluice/internal/domain"
	"github.com/messageai/sluice/internal/practice"
)

type campaignPlanCommand struct {
	ICP       string   `name:"icp" help:"The ICP, a JSON file; without it, the sample." placeholder:"FILE"`
	Prospects int      `default:"1000" help:"How many prospects to discover at most."`
	Platforms []string `default:"apollo,googleplaces" help:"Sources to discover in."`
	Providers []string `help:"Enrichment providers that may be asked; default is all that --connect names." placeholder:"NAMES"`
	Fields    []string `help:"What is bought: person, email, email status, title, company, phone, technologies, intent; default is person, email, email status." placeholder:"FIELDS"`
	Connect   []string `default:"all" help:"Enrichment providers that you have a key of; or all." placeholder:"NAMES"`
	API       string   `name:"api" env:"SLUICE_API_URL" help:"Base URL of the API of a deployed stack, with SLUICE_API_KEY: its keys and what its runs have taught count. Without it the price tables alone do." placeholder:"URL"`
	JSON      bool     `name:"json" help:"Print the price as one JSON object."`
}

// Run prints what a campaign would cost, by the price tables of the providers.
// Nobody is asked, and nothing is started.
func (p *campaignPlanCommand) Run(ctx context.Context, t terminal) error {
	var icp domain.ICP
	err := json.Unmarshal(sampleICP, &icp)
	if p.ICP != "" {
		icp, err = readICP(p.ICP)
	}
	if err != nil {
		return err
	}
	price, err := p.ask(ctx, icp)
	if err != nil {
		return err
	}
	if p.JSON {
		return json.NewEncoder(t.out).Encode(price)
	}
	return printPrice(t.out, price, p.Prospects)
}

// ask asks a deployed stack, or one in this process that knows the tables alone.
func (p *campaignPlanCommand) ask(ctx context.Context, icp domain.ICP) (api.Price, error) {
	if p.API != "" {
		c, err := remote{API: p.API}.client()
		if err != nil {
			return api.Price{}, err
		}
		return p.price(ctx, c, icp)
	}
	enrichers, err := connected(p.Connect)
	if err != nil {
		return api.Price{}, err
	}
	world, err := practice.Open(ctx, practice.Options{People: 1000, Enrichers: enrichers})
	if err != nil {
		return api.Price{}, err
	}
	c := client{api: world.API(), key: practice.Key}
	var known domain.ICP // the API plans for an ICP that it has
	err = c.call(ctx, "POST", "/api/v1/prospecting/icps", icp, &known)
	var price api.Price
	if err == nil {
		price, err = p.price(ctx, c, known)
	}
	return price, errors.Join(err, world.Close())
}

// price plans for an ICP that the stack has already.
func (p *campaignPlanCommand) price(ctx context.Context, c client, icp domain.ICP) (price api.Price, err error) {
	request := api.CampaignRequest{ICPID: icp.ID, Name: "plan", Platforms: p.Platforms}
	request.Options.MaxProspects = p.Prospects
	request.Options.Enrich = &api.EnrichRequest{Providers: p.Providers, Fields: p.Fields}
	return price, c.call(ctx, "POST", campaignsPath+"/plan", request, &price)
}

func printPrice(w io.Writer, price api.Price, prospects int) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%d prospects at most, by the providers' price tables\n\n", prospects)
	tw := tabwriter.NewWriter(&b, 2, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "provider\texpected\tworst case\tprices of\t")
	for _, name := range slices.Sorted(maps.Keys(price.ByProvider)) {
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t\n", name, price.Expected[name], price.ByProvider[name], price.Dates[name])
	}
	fmt.Fprintf(tw, "all\t%s\t%s\t\t\n", price.ExpectedMicroUSD, price.WorstCaseMicroUSD)
	_ = tw.Flush() // a strings.Builder does not fail
	fmt.Fprintf(&b, "\nA run pauses rather than pass its cap, which is the worst case unless you set another (--cap, capUsd).\n")
	_, err := io.WriteString(w, b.String())
	return err
}
