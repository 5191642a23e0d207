// Package scheduler is EventBridge Scheduler: schedules of the default group,
// their REST API, and the invocation of their targets (Lambda functions and
// state machines) in the time of package time, with the target's role, retries
// and dead-letter queue.
//
// A schedule fires at the first second of its minute, where AWS promises only
// the minute; a flexible window adds a delay that is fixed for each time. What
// a stopped process missed fires once, late, when a process goes on.
//
// It imports its siblings iam, journal and wire, and knows no other service:
// targets are behind an interface. It is not for schedule groups, tags, or the
// universal targets.
package scheduler

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/messageai/sluice/internal/localaws/iam"
	"github.com/messageai/sluice/internal/localaws/journal"
	"github.com/messageai/sluice/internal/localaws/wire"
)

// journalName is this service's name in the journal.
const journalName = "scheduler"

// Targets is what schedules invoke, each call as the target's role. Service
// errors are *wire.Error.
type Targets interface {
	// InvokeFunction invokes a function asynchronously.
	InvokeFunction(ctx context.Context, role *iam.Principal, functionARN string, payload []byte) error
	StartExecution(ctx context.Context, role *iam.Principal, machineARN, input string) error
	// SendMessage sends to a dead-letter queue, with string attributes.
	SendMessage(ctx context.Context, role *iam.Principal, queueARN, body string, attributes map[string]string) error
}

// Options configures a [Service]. Region, Account and Targets are required.
type Options struct {
	Region, Account string
	Targets         Targets
	Journal         *journal.Journal // nil: schedules die with the process
	// Role resolves a target's role to what it may do; nil means that every
	// target is invoked as the account's root.
	Role func(arn string) *iam.Principal
	// Schedules are those of a template. They replace what the journal has of
	// an earlier template.
	Schedules []Schedule
}

// Service keeps schedules and fires them. Its methods may be called from many
// goroutines.
type Service struct {
	opts    Options
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu        sync.Mutex
	started   bool
	schedules map[string]*schedule
}

// schedule is a Schedule at work; Service.mu guards it.
type schedule struct {
	kept
	stop context.CancelFunc // nil while nobody waits for its next time
}

// kept is what the journal has of a schedule.
type kept struct {
	Schedule Schedule  `json:"schedule"`
	Token    string    `json:"token,omitempty"` // of the call that created it
	Template bool      `json:"template,omitempty"`
	Fired    time.Time `json:"fired,omitzero"` // the last time that was delivered or given up
}

// entry is one record of the journal: a schedule as it is now, a delivery, or
// (with neither) that the schedule is gone.
type entry struct {
	Name  string    `json:"name"`
	Put   *kept     `json:"put,omitempty"`
	Fired time.Time `json:"fired,omitzero"`
}

// New returns a service with the schedules of the journal and the template.
// Nothing fires before [Service.Start].
func New(opts Options) (*Service, error) {
	s := &Service{opts: opts, schedules: map[string]*schedule{}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	for _, raw := range opts.Journal.Past(journalName) {
		var e entry
		if err := json.Unmarshal(raw, &e); err != nil {
			return nil, fmt.Errorf("restore schedules: %w", err)
		}
		switch have := s.schedules[e.Name]; {
		case e.Put != nil:
			s.schedules[e.Name] = &schedule{kept: *e.Put}
		case e.Fired.IsZero():
			delete(s.schedules, e.Name)
		case have != nil:
			have.Fired = e.Fired
		}
	}
	return s, s.adopt()
}

// adopt takes the template's schedules over, and drops those that an earlier
// template had.
func (s *Service) adopt() error {
	names := map[string]bool{}
	for _, sc := range s.opts.Schedules {
		names[sc.Name] = true
		have := s.schedules[sc.Name]
		if err := s.check(&sc, have == nil); err != nil {
			return fmt.Errorf("schedule %s: %w", sc.Name, err)
		}
		k := kept{Schedule: sc, Template: true}
		if have != nil {
			k.Schedule.CreationDate = have.Schedule.CreationDate
			same := k.Schedule
			same.LastModificationDate = have.Schedule.LastModificationDate
			if reflect.DeepEqual(same, have.Schedule) {
				continue
			}
		}
		if err := s.put(k); err != nil {
			return err
		}
	}
	for name, have := range s.schedules {
		if have.Template && !names[name] {
			if err := s.remove(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// put stores a schedule and, once started, waits for its times. The caller
// holds mu or is New.
func (s *Service) put(k kept) error {
	name := k.Schedule.Name
	if err := s.opts.Journal.Append(journalName, entry{Name: name, Put: &k}); err != nil {
		return err
	}
	if have := s.schedules[name]; have != nil && have.stop != nil {
		have.stop()
	}
	sc := &schedule{kept: k}
	s.schedules[name] = sc
	s.launch(sc)
	return nil
}

// remove forgets a schedule. The caller holds mu or is New.
func (s *Service) remove(name string) error {
	if err := s.opts.Journal.Append(journalName, entry{Name: name}); err != nil {
		return err
	}
	if have := s.schedules[name]; have.stop != nil {
		have.stop()
	}
	delete(s.schedules, name)
	return nil
}

// launch waits for a schedule's times in the background. The caller holds mu.
func (s *Service) launch(sc *schedule) {
	if !s.started || s.ctx.Err() != nil || sc.Schedule.State != enabled {
		return
	}
	ctx, stop := context.WithCancel(s.ctx)
	sc.stop = stop
	k := sc.kept
	s.running.Go(func() {
		defer stop()
		s.wait(ctx, sc, k)
	})
}

// Start begins to fire. It does not wait.
func (s *Service) Start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.started = true
	for _, name := range slices.Sorted(maps.Keys(s.schedules)) {
		s.launch(s.schedules[name])
	}
}

// Close stops firing and waits for deliveries to stop.
func (s *Service) Close() error {
	s.mu.Lock() // nothing is launched from here on
	s.cancel()
	s.mu.Unlock()
	s.running.Wait()
	return nil
}

func (s *Service) arn(name string) string {
	return "arn:aws:scheduler:" + s.opts.Region + ":" + s.opts.Account + ":schedule/" + defaultGroup + "/" + name
}

func (s *Service) create(call *wire.Call, in Schedule, token string) (any, error) {
	if err := s.authorize(call, "CreateSchedule", in); err != nil {
		return nil, err
	}
	if err := s.check(&in, true); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if have := s.schedules[in.Name]; have != nil {
		if token == "" || have.Token != token {
			return nil, wire.Errorf(http.StatusConflict, "ConflictException", "Schedule %s already exists.", in.Name)
		}
	} else if err := s.put(kept{Schedule: in, Token: token}); err != nil {
		return nil, err
	}
	return map[string]string{"ScheduleArn": s.arn(in.Name)}, nil
}

// update replaces a schedule: what the request leaves out gets its default.
func (s *Service) update(call *wire.Call, in Schedule) (any, error) {
	if err := s.authorize(call, "UpdateSchedule", in); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	have := s.schedules[in.Name]
	if have == nil {
		return nil, missing(in.Name)
	}
	if err := s.check(&in, false); err != nil {
		return nil, err
	}
	in.CreationDate = have.Schedule.CreationDate
	if err := s.put(kept{Schedule: in, Token: have.Token, Template: have.Template}); err != nil {
		return nil, err
	}
	return map[string]string{"ScheduleArn": s.arn(in.Name)}, nil
}

func (s *Service) get(call *wire.Call, name string) (any, error) {
	if err := authorize(call, "scheduler:GetSchedule", s.arn(name)); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	have := s.schedules[name]
	if have == nil {
		return nil, missing(name)
	}
	return have.Schedule, nil
}

func (s *Service) delete(call *wire.Call, name string) (any, error) {
	if err := authorize(call, "scheduler:DeleteSchedule", s.arn(name)); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.schedules[name] == nil {
		return nil, missing(name)
	}
	return struct{}{}, s.remove(name)
}

// summary is a schedule as ListSchedules has it.
type summary struct {
	Arn                                string
	CreationDate, LastModificationDate float64
	GroupName, Name, State             string
	Target                             struct{ Arn string }
}

// list returns up to limit schedules by name, after the one named in after.
func (s *Service) list(call *wire.Call, prefix, state, after string, limit int) (any, error) {
	if err := authorize(call, "scheduler:ListSchedules", s.arn("*")); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := struct {
		Schedules []summary
		NextToken string `json:",omitempty"`
	}{Schedules: []summary{}}
	for _, name := range slices.Sorted(maps.Keys(s.schedules)) {
		sc := s.schedules[name].Schedule
		if !strings.HasPrefix(name, prefix) || name <= after || cmp.Or(state, sc.State) != sc.State {
			continue
		}
		if len(out.Schedules) == limit {
			out.NextToken = out.Schedules[limit-1].Name
			break
		}
		one := summary{
			Arn: sc.Arn, CreationDate: sc.CreationDate, LastModificationDate: sc.LastModificationDate,
			GroupName: sc.GroupName, Name: name, State: sc.State,
		}
		one.Target.Arn = sc.Target.Arn
		out.Schedules = append(out.Schedules, one)
	}
	return out, nil
}

func missing(name string) error {
	return wire.Errorf(http.StatusNotFound, "ResourceNotFoundException", "Schedule %s does not exist.", name)
}

// authorize answers 403, where the JSON protocols answer 400.
func authorize(call *wire.Call, action, resource string) error {
	if call.Principal.Allows(action, resource) {
		return nil
	}
	return wire.Errorf(http.StatusForbidden, "AccessDeniedException",
		"User: %s is not authorized to perform: %s on resource: %s because no identity-based policy allows the %s action",
		call.Principal.ARN, action, resource, action)
}

// authorize of a change also asks whether the caller may hand the target's role
// to the scheduler.
func (s *Service) authorize(call *wire.Call, operation string, in Schedule) error {
	if err := authorize(call, "scheduler:"+operation, s.arn(in.Name)); err != nil {
		return err
	}
	return authorize(call, "iam:PassRole", in.Target.RoleArn)
}
