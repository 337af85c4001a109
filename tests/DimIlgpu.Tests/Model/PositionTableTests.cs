using DimIlgpu.Model;
using Xunit;

namespace DimIlgpu.Tests;

public sealed class PositionTableTests
{
    [Fact]
    public void Rows_fill_the_first_half_and_columns_the_second()
    {
        float[] table = Table(new(1, 3, 5), 8);
        for (int r = 0; r < 3; r++)
        {
            for (int c = 0; c < 5; c++)
            {
                double[] expected =
                [
                    Math.Sin(r), Math.Sin(r / 100.0), Math.Cos(r), Math.Cos(r / 100.0),
                    Math.Sin(c), Math.Sin(c / 100.0), Math.Cos(c), Math.Cos(c / 100.0),
                ];
                table.AsSpan(((r * 5) + c) * 8, 8).ToArray().ShouldBe(expected, 0, 1e-7);
            }
        }
    }

    [Fact]
    public void Frames_add_over_all_features()
    {
        float[] image = Table(new(1, 2, 2), 4), clip = Table(new(3, 2, 2), 4);
        for (int f = 0; f < 3; f++)
        {
            double[] time = [Math.Sin(f), Math.Sin(f / 100.0), Math.Cos(f), Math.Cos(f / 100.0)];
            clip.AsSpan(f * 16, 16).ToArray().ShouldBe([.. image.Select((v, i) => v + time[i % 4])], 0, 3e-7);
        }
    }

    [Fact]
    public void Another_size_keeps_the_positions_that_were_trained()
    {
        float[] trained = Table(new(1, 4, 6), 16);
        float[] twice = Table(new(1, 8, 12), 16, new(1, 4, 6));
        for (int r = 0; r < 4; r++)
        {
            for (int c = 0; c < 6; c++)
            {
                Assert.Equal(
                    trained.AsSpan(((r * 6) + c) * 16, 16).ToArray(), twice.AsSpan(((2 * r * 12) + (2 * c)) * 16, 16).ToArray());
            }
        }

        Assert.Equal(trained, Table(new(1, 4, 6), 16, new(1, 4, 6)));
    }

    [Fact]
    public void An_image_of_a_network_trained_on_clips_is_their_first_frame() =>
        Assert.Equal(Table(new(3, 2, 2), 8)[..32], Table(new(1, 2, 2), 8, new(3, 2, 2)));

    [Fact]
    public void Wrong_sizes_are_named()
    {
        Assert.Equal("width", Assert.Throws<ArgumentException>(() => Table(new(1, 2, 2), 6)).ParamName);
        Assert.Equal("table", Assert.Throws<ArgumentException>(() => PositionTable.Write(new(1, 2, 2), 4, new float[15])).ParamName);
        Assert.Equal("grid", Assert.Throws<ArgumentOutOfRangeException>(() => Table(new(0, 2, 2), 4)).ParamName);
        Assert.Equal("trained", Assert.Throws<ArgumentOutOfRangeException>(() => Table(new(1, 2, 2), 4, new(1, 0, 2))).ParamName);
    }

    private static float[] Table(TokenGrid grid, int width, TokenGrid? trained = null)
    {
        float[] table = new float[grid.Tokens * width];
        PositionTable.Write(grid, width, table, trained);
        return table;
    }
}
