namespace DimIlgpu.Model;

/// <summary>The number of tokens along each axis.</summary>
/// <param name="Frames">Tokens in time; 1 for an image.</param>
/// <param name="Rows">Tokens from top to bottom.</param>
/// <param name="Columns">Tokens from left to right.</param>
public readonly record struct TokenGrid(int Frames, int Rows, int Columns)
{
    /// <summary>L, the number of tokens.</summary>
    public int Tokens => checked(this.Frames * this.Rows * this.Columns);

    /// <inheritdoc/>
    public override string ToString() => $"{this.Frames}×{this.Rows}×{this.Columns}";
}

/// <summary>The fixed position embedding: sines and cosines of where a token is.</summary>
/// <remarks>
/// <para>
/// With D features: the first half encodes the row, the second the column, each as [sin(ω_i·position), cos(ω_i·position)]
/// with ω_i = 10000^(−i/(D/4)), i = 0 … D/4 − 1.
/// </para>
/// <para>
/// Where either grid has more than one frame, the same is added for the frame over all D features, with
/// ω_i = 10000^(−i/(D/2)), i = 0 … D/2 − 1.
/// </para>
/// <para>
/// Another size than the one trained on is reached by stretching: position = index · trained length / length,
/// so that the corners of the picture keep the positions that the network knows.
/// </para>
/// </remarks>
public static class PositionTable
{
    private const double Period = 10_000;

    /// <summary>Writes the table.</summary>
    /// <param name="grid">The tokens: frame-major, then rows, then columns.</param>
    /// <param name="width">D, a multiple of 4.</param>
    /// <param name="table">Receives (L, D), row after row.</param>
    /// <param name="trained">The grid that the network was trained on; null if it is <paramref name="grid"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">A grid has an empty axis.</exception>
    /// <exception cref="ArgumentException">The width is no multiple of 4, or the table has another length.</exception>
    public static void Write(TokenGrid grid, int width, Span<float> table, TokenGrid? trained = null)
    {
        TokenGrid reference = trained ?? grid;
        CheckGrid(grid, nameof(grid));
        CheckGrid(reference, nameof(trained));
        if (width < 4 || width % 4 != 0)
        {
            throw new ArgumentException($"'width' is {width}; expected a positive multiple of 4.", nameof(width));
        }

        if (table.Length != (long)grid.Tokens * width)
        {
            throw new ArgumentException(
                $"'table' has {table.Length} values; expected {(long)grid.Tokens * width} for {grid} tokens of {width}.", nameof(table));
        }

        double[] rows = Axis(grid.Rows, reference.Rows, width / 2), columns = Axis(grid.Columns, reference.Columns, width / 2);
        double[] frames = grid.Frames > 1 || reference.Frames > 1
            ? Axis(grid.Frames, reference.Frames, width)
            : new double[width];
        int half = width / 2, at = 0;
        for (int f = 0; f < grid.Frames; f++)
        {
            for (int r = 0; r < grid.Rows; r++)
            {
                for (int c = 0; c < grid.Columns; c++)
                {
                    for (int i = 0; i < width; i++)
                    {
                        double place = i < half ? rows[(r * half) + i] : columns[(c * half) + i - half];
                        table[at++] = (float)(place + frames[(f * width) + i]);
                    }
                }
            }
        }
    }

    /// <summary>(length, width): [sin, cos] of each position of one axis.</summary>
    private static double[] Axis(int length, int trained, int width)
    {
        double[] features = new double[length * width];
        int half = width / 2;
        for (int p = 0; p < length; p++)
        {
            double position = (double)p * trained / length;
            for (int i = 0; i < half; i++)
            {
                (double sin, double cos) = Math.SinCos(position * Math.Pow(Period, -(double)i / half));
                (features[(p * width) + i], features[(p * width) + half + i]) = (sin, cos);
            }
        }

        return features;
    }

    private static void CheckGrid(TokenGrid grid, string name)
    {
        if (grid.Frames < 1 || grid.Rows < 1 || grid.Columns < 1)
        {
            throw new ArgumentOutOfRangeException(name, grid, "Each axis needs at least one token.");
        }
    }
}
