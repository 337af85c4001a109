namespace DimIlgpu.Model.Data;

/// <summary>Parts one sequence of samples into training and held-out ones, the same way every time.</summary>
internal static class HoldOut
{
    // Fixed: it must not follow the seed of a run, or a resumed or compared run would train on what another held out.
    private const ulong Seed = 0x48454C44;
    private const double Part = 0.05;

    /// <summary>Holds out 5 % of the groups of <paramref name="group"/> consecutive samples, at least one where there are two.</summary>
    public static (int[] Train, int[] HeldOut) Split(int count, int group)
    {
        int groups = (int)(((long)count + group - 1) / group);
        int held = groups < 2 ? 0 : (int)Math.Ceiling(groups * Part);
        IndexPermutation order = new(groups, Seed, 0);
        bool[] isHeld = new bool[groups];
        for (int i = 0; i < held; i++)
        {
            isHeld[order[i]] = true;
        }

        List<int> train = [];
        List<int> heldOut = [];
        for (int i = 0; i < count; i++)
        {
            (isHeld[i / group] ? heldOut : train).Add(i);
        }

        return ([.. train], [.. heldOut]);
    }
}
