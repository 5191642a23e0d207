package domain

import "context"

type teamKey struct{}

// InTeam returns a context in which work is done for a team: calls to providers
// are then made with its keys. Whoever takes up work sets it, from what the work
// itself says.
func InTeam(ctx context.Context, team string) context.Context {
	return context.WithValue(ctx, teamKey{}, team)
}

// TeamOf returns the team for which work is done; "" for none, which is the
// deployment itself.
func TeamOf(ctx context.Context) string {
	team, _ := ctx.Value(teamKey{}).(string)
	return team
}

type runKey struct{}

// Within is [InTeam] for the team that the reference names, and tells for which
// of its runs the work is done.
func (r Ref) Within(ctx context.Context) context.Context {
	return context.WithValue(InTeam(ctx, r.Team), runKey{}, r.Run)
}

// RunOf returns the run for which work is done; "" for none.
func RunOf(ctx context.Context) string {
	run, _ := ctx.Value(runKey{}).(string)
	return run
}
