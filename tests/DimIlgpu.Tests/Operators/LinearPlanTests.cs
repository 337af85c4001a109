using DimIlgpu.Kernels;
using Xunit;

namespace DimIlgpu.Tests;

/// <summary>How products are cut for tensor cores.</summary>
public sealed class LinearPlanTests
{
    [Theory]
    [InlineData(1, 1, 1, 1)]
    [InlineData(257, 129, 3, 1)]
    [InlineData(104, 2304, 256, 2)]
    [InlineData(16384, 4608, 18, 1)]
    [InlineData(16384, 1152, 72, 1)]
    [InlineData(4608, 1152, 256, 1)]
    public void Each_step_of_each_tile_is_done_once(int m, int n, int steps, int batch)
    {
        LinearPlan plan = LinearPlan.For(m, n, steps, batch, isLargePossible: true);
        WarpSchedule schedule = plan.IsLarge
            ? WarpSchedule.For<LargeTile>(m, n, batch, steps, plan)
            : WarpSchedule.For<SmallTile>(m, n, batch, steps, plan);
        WarpPiece[] pieces = [.. Enumerable.Range(0, schedule.Pieces).Select(schedule.Piece)];
        int side = plan.IsLarge ? 256 : 128, rows = (m + side - 1) / side, columns = (n + 127) / 128;
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
        LinearPlan plan = LinearPlan.For(4608, 1152, 256, 1, isLargePossible: true);
        Assert.Equal(new LinearPlan(IsLarge: true, 132, 4), plan);
    }

    [Fact]
    public void A_device_with_little_shared_memory_gets_small_tiles() =>
        Assert.False(LinearPlan.For(16384, 4608, 18, 1, isLargePossible: false).IsLarge);
}
