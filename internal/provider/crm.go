package provider

import (
	"context"

	"github.com/messageai/sluice/internal/fault"
)

// CRM is a customer system. Every record that we write carries our own id in a
// property of its own (contacts our lead id, companies our account id), so that
// any step can be repeated and every record found again. Limits on batch sizes
// are the adapter's: it splits.
type CRM interface {
	// Prepare makes sure that the properties for our ids exist, with uniqueness
	// where the CRM offers it. Repeating it is harmless.
	Prepare(ctx context.Context) error
	// Contacts reads the contacts that hold one of our lead ids or one of the
	// e-mail addresses. A contact found both ways comes once.
	Contacts(ctx context.Context, leadIDs, emails []string) ([]Record, error)
	// Companies reads the companies that hold one of our account ids.
	Companies(ctx context.Context, accountIDs []string) ([]Record, error)
	// Apply writes records; the result has one outcome per write, in order.
	// The error is for the call as a whole, and then says whether it is Unclear.
	ApplyContacts(ctx context.Context, writes []Write) ([]Outcome, error)
	ApplyCompanies(ctx context.Context, writes []Write) ([]Outcome, error)
	// Associate links contacts with companies, by CRM record ids; repeating it is harmless.
	Associate(ctx context.Context, links []Link) error
}

// Record is a record as the CRM holds it.
type Record struct {
	RecordID   string            // the CRM's id
	ExternalID string            // our id; "" if the record does not carry one
	Email      string            // contacts only
	Fields     map[string]string // by our field names, see [Field]
}

// Field is our name of a pushed value; the adapter maps it to the CRM's property.
type Field = string

// The fields that a push writes.
const (
	FieldEmail     Field = "email"
	FieldFirstName Field = "first_name"
	FieldLastName  Field = "last_name"
	FieldTitle     Field = "title"
	FieldPhone     Field = "phone"
	FieldCompany   Field = "company"
	FieldWebsite   Field = "website"
	FieldIndustry  Field = "industry"
	FieldEmployees Field = "employees"
	FieldCity      Field = "city"
	FieldCountry   Field = "country"
	FieldProfile   Field = "profile_url"
	FieldScore     Field = "score"  // fit, 0..100
	FieldStage     Field = "stage"  // life-cycle stage, sent on create only
	FieldDomain    Field = "domain" // companies
	FieldName      Field = "name"   // companies
)

// Write is one record to create, update or adopt. With RecordID the record of
// that id is patched (and given our id); without, it is upserted by ExternalID.
type Write struct {
	ExternalID string
	RecordID   string
	Fields     map[Field]string
}

// Outcome is what became of one [Write].
type Outcome struct {
	RecordID string
	Created  bool
	// Conflict is the id of another record that holds the key; the write was
	// not made. The caller adopts that record and writes again.
	Conflict string
	// Rejected says why the CRM refused this record's data; nothing else is set.
	Rejected string
	// Retry is the kind of a passing failure of this record alone; "" if none.
	Retry fault.Kind
}

// Link associates a contact with a company, by CRM record ids.
type Link struct{ ContactID, CompanyID string }
