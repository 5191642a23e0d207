package apollo

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// query is a people search as the endpoint's parameters say it.
type query struct {
	titles       []string
	similar      bool
	locations    []string
	seniorities  []string
	orgLocations []string
	domains      []string
	orgIDs       []string
	sizes        [][2]int
	technologies []string
	emailStatus  []string
	keywords     []string
	revenueMin   int64
	revenueMax   int64
	page         int
	perPage      int
}

// readQuery refuses what the endpoint does not take: a parameter that it does
// not know, a list without [], a range with a hyphen.
func readQuery(values url.Values) (query, error) {
	q := query{similar: true, page: 1, perPage: 25}
	var err error
	for name, all := range values {
		switch name {
		case "person_titles[]":
			q.titles = lower(all)
		case "include_similar_titles":
			q.similar, err = strconv.ParseBool(all[0])
		case "person_locations[]":
			q.locations = lower(all)
		case "person_seniorities[]":
			q.seniorities, err = seniorities(all)
		case "organization_locations[]":
			q.orgLocations = lower(all)
		case "q_organization_domains_list[]":
			q.domains, err = domains(all)
		case "organization_ids[]":
			q.orgIDs = all
		case "organization_num_employees_ranges[]":
			q.sizes, err = ranges(all)
		case "currently_using_any_of_technology_uids[]":
			q.technologies = lower(all)
		case "contact_email_status[]":
			q.emailStatus, err = emailStatuses(all)
		case "q_keywords":
			q.keywords = strings.Fields(strings.ToLower(all[0]))
		case "revenue_range[min]":
			q.revenueMin, err = strconv.ParseInt(all[0], 10, 64)
		case "revenue_range[max]":
			q.revenueMax, err = strconv.ParseInt(all[0], 10, 64)
		case "page":
			q.page, err = strconv.Atoi(all[0])
		case "per_page":
			q.perPage, err = strconv.Atoi(all[0])
		default:
			err = errors.New("is not a parameter of this endpoint (lists are written name[]=)")
		}
		if err != nil {
			return query{}, fmt.Errorf("parameter %s: %w", name, err)
		}
	}
	if q.page < 1 || q.page > 500 || q.perPage < 1 || q.perPage > 100 {
		return query{}, errors.New("page must be 1 to 500 and per_page 1 to 100")
	}
	return q, nil
}

func lower(all []string) []string {
	out := make([]string, len(all))
	for i, s := range all {
		out[i] = strings.ToLower(strings.TrimSpace(s))
	}
	return out
}

func seniorities(all []string) ([]string, error) {
	for _, s := range all {
		if !slices.Contains(strings.Fields("owner founder c_suite partner vp head director manager senior entry intern"), s) {
			return nil, errors.New("unknown seniority")
		}
	}
	return all, nil
}

func domains(all []string) ([]string, error) {
	if len(all) > 1000 {
		return nil, errors.New("at most 1000 domains")
	}
	for _, d := range all {
		if strings.HasPrefix(d, "www.") || strings.ContainsAny(d, "@/") {
			return nil, errors.New("a domain is written without www., @ and path")
		}
	}
	return lower(all), nil
}

func ranges(all []string) ([][2]int, error) {
	var out [][2]int
	for _, s := range all {
		low, high, ok := strings.Cut(s, ",")
		a, errA := strconv.Atoi(low)
		b, errB := strconv.Atoi(high)
		if !ok || errA != nil || errB != nil {
			return nil, errors.New(`an employee range is written "51,200"`)
		}
		out = append(out, [2]int{a, b})
	}
	return out, nil
}

func emailStatuses(all []string) ([]string, error) {
	for _, s := range all {
		if !slices.Contains([]string{"verified", "unverified", "likely to engage", "unavailable"}, s) {
			return nil, errors.New("unknown e-mail status")
		}
	}
	return all, nil
}
