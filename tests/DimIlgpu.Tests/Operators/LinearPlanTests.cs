using DimIlgpu.Kernels;
using Xunit;

namespace DimIlgpu.Tests;

/// <summary>How products are cut for tensor cores.</summary>
public sealed class LinearPlanTests
{
    [Theory]
    [InlineData(1, 1, 1, 1, nameof(LinearTile.Large))]
    [InlineData(257, 129, 3, 1, nameof(LinearTile.Large))]
    [InlineData(104, 2304, 256, 2, nameof(LinearTile.Large))]
    [InlineData(16384, 4608, 18, 1, nameof(LinearTile.Large))]
    [InlineData(16384, 4608, 18, 1, nameof(LinearTile.Groups))]
    [InlineData(16384, 1152, 72, 1, nameof(LinearTile.Large))]
    [InlineData(4608, 1152, 256, 1, nameof(LinearTile.Large))]
    [InlineData(4608, 1152, 256, 1, nameof(LinearTile.Groups))]
    public void Each_step_of_each_tile_is_done_once(int m, int n, int steps, int batch, string largest)
    {
        LinearPlan plan = LinearPlan.For(m, n, steps, batch, Enum.Parse<LinearTile>(largest));
        (WarpSchedule schedule, int height, int width) = plan.Tile switch
        {
            LinearTile.Groups => (WarpSchedule.For<GroupTile>(m, n, batch, steps, plan), 256, 192),
            LinearTile.Large => (WarpSchedule.For<LargeTile>(m, n, batch, steps, plan), 256, 128),
            _ => (WarpSchedule.For<SmallTile>(m, n, batch, steps, plan), 128, 128),
        };
        WarpPiece[] pieces = [.. Enumerable.Range(0, schedule.Pieces).Select(schedule.Piece)];
        int rows = (m + height - 1) / height, columns = (n + width - 1) / width;
        var tiles = pieces.GroupBy(p => (p.Batch, p.Row, p.Column)).ToArray();
        Assert.Equal(batch * rows * columns, tiles.Length);
        Assert.All(tiles, tile =>
        {
            Assert.True(tile.Key.Batch < batch && tile.Key.Row < rows && tile.Key.Column < columns);
            int next = 0;
            Assert.All(tile.OrderBy(p => p.Step), p =>
            {
                Assert.Equal(next, p.Step);
                Assert.True(p.Steps > 0);
                next += p.Steps;
            });
            Assert.Equal(steps, next);
        });
    }

    // 162 tiles on 132 multiprocessors are a full round and 30 tiles, which are cut.
    [Fact]
    public void A_last_round_that_would_leave_multiprocessors_idle_is_cut()
    {
        LinearPlan plan = LinearPlan.For(4608, 1152, 256, 1, LinearTile.Large);
        Assert.Equal(new LinearPlan(LinearTile.Large, 132, 4), plan);
    }

    // dt_proj's and x_proj's: six tiles for each of two weights, eleven parts of which make one round.
    [Theory]
    [InlineData(2304, 72)]
    [InlineData(104, 2304)]
    public void Parts_of_thin_gradients_fill_one_round(int m, int n)
    {
        Assert.True(LinearPlan.PaysToBeThin(m, n, 256));
        LinearPlan plan = LinearPlan.Thin(m, n, 256, 2);
        Assert.Equal(new LinearPlan(LinearTile.Thin, 0, 11), plan);
        WarpSchedule schedule = WarpSchedule.For<ThinTile>(2304, Math.Min(m, n), 2, 256, plan);
        Assert.Equal(132, schedule.Pieces);
        Assert.Equal(12 * 256, Enumerable.Range(0, schedule.Pieces).Sum(i => schedule.Piece(i).Steps));
    }

    [Fact]
    public void A_device_with_little_shared_memory_gets_small_tiles() =>
        Assert.Equal(LinearTile.Small, LinearPlan.For(16384, 4608, 18, 1, LinearTile.Small).Tile);
}
